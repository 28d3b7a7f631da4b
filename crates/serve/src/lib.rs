//! A trained model behind HTTP, as SageMaker calls it.
//!
//! - `artifact`: a model's files among others; [`predictor`]: an artifact that answers pixels with probabilities; [`signature`]: what it takes and gives
//! - [`engine`]: the one thread that owns a predictor, and the queue before it; `batch`: what of it is computed at once; [`turn`]: engines that share a device
//! - [`models`]: models that come and go; [`hosted`]: one model or several
//! - `connections`, `paced`, `crowd`: TCP against the clock; `admission`: how much work is let in; [`memory`]: what the machine has; `body`: bytes in; `decoders`: threads that make pixels of them; `records`: bodies of RecordIO
//! - [`media`]: which request bodies are taken, which form of answer is asked for; [`response`]: the bodies
//! - `routes`: every path; `invocations`: one prediction; `models_api`: the multi-model paths; `page`: the one for people
//! - `trace`, `metrics`, [`log`]: what is told of a request; `service`: what all requests share
//! - [`configuration`]: what may differ; [`server`]: listening, draining, signals
//! - [`error`]: what can go wrong, for the process and for one request
//!
//! Not here: environment variables and arguments (`cli`), pixels (`image`), the network (`model`). Called by `cli`.
//! Invariant: a request is answered with finite probabilities or with an error that says why, and no request,
//! however wrong, keeps the next one from its answer.

mod admission;
mod artifact;
mod batch;
mod body;
pub mod configuration;
mod connections;
mod crowd;
mod decoders;
pub mod engine;
pub mod error;
pub mod hosted;
mod invocations;
pub mod log;
pub mod media;
pub mod memory;
mod metrics;
pub mod models;
mod models_api;
mod paced;
mod page;
pub mod predictor;
mod records;
pub mod response;
mod routes;
pub mod server;
mod service;
pub mod signature;
mod trace;
pub mod turn;

pub use artifact::open;
pub use batch::Prediction;
pub use configuration::{Configuration, Limits};
pub use engine::{Engine, State};
pub use error::{EngineFailure, LoadError, PredictError, RequestError, ServeError};
pub use hosted::Hosted;
pub use media::Output;
pub use models::Models;
pub use predictor::Predictor;
pub use server::{run, serve};
pub use signature::Signature;
pub use turn::Turn;

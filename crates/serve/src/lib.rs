//! A trained model behind HTTP, as SageMaker calls it.
//!
//! - `artifact`: a model's files among others; [`predictor`]: an artifact that answers pixels with probabilities; [`signature`]: what it takes and gives
//! - [`engine`]: the one thread that owns a predictor, and the queue before it
//! - [`media`]: which request bodies are taken, which form of answer is asked for; [`response`]: the bodies
//! - `routes`: `/ping` and `/invocations`; [`server`]: listening, draining, signals
//! - [`error`]: what can go wrong, for the process and for one request
//!
//! Not here: environment variables and arguments (`cli`), pixels (`image`), the network (`model`). Called by `cli`.
//! Invariant: a request is answered with finite probabilities or with an error that says why, and no request,
//! however wrong, keeps the next one from its answer.

mod artifact;
mod batch;
mod body;
pub mod engine;
pub mod error;
pub mod media;
pub mod predictor;
pub mod response;
mod routes;
pub mod server;
pub mod signature;

pub use artifact::open;
pub use engine::{Engine, State};
pub use error::{EngineFailure, LoadError, PredictError, RequestError, ServeError};
pub use media::Output;
pub use predictor::Predictor;
pub use server::{Configuration, run, serve};
pub use signature::Signature;

//! Training: from a job and its channels to an artifact on disk.
//!
//! - [`job`]: what is to be trained, resolved: no text, no paths to look for
//! - [`run`]: the loop, read downward: epoch, step, evaluate, store, stop
//! - [`upload`]: batches to the device, one ahead; [`memory`]: what does not fit there
//! - [`step`]: a step of a run; `pass`: its forward and backward; [`reduce`]: over ranks; [`optimizer`], [`schedule`]: with what and how far
//! - [`alike`]: what every rank takes from the first
//! - [`mixup`], [`average`], [`accumulate`], [`loss_scale`]: what a job can ask for beside the plain step
//! - [`evaluate`]: a channel, every image once; [`seen`]: the counts behind accuracy and loss; [`tally`]: those of each class
//! - [`early_stop`], [`store`]: when to end, which weights stay
//! - [`checkpoint`]: the state of a run, written while it goes on and taken up by another process
//! - [`report`]: events of a run, as log lines or as a table for people; [`summary`]: the run as JSON and as a page
//!
//! Not here: hyperparameter text and container paths (`sagemaker`), the network (`model`), pixels (`data`, `image`).
//! Called by `cli`. Invariant: all ranks take the same number of steps and leave the loop at the same one.

pub mod accumulate;
pub mod alike;
pub mod average;
pub mod checkpoint;
pub mod early_stop;
pub mod error;
pub mod evaluate;
pub mod job;
pub mod loss_scale;
pub mod memory;
pub mod mixup;
pub mod optimizer;
mod pass;
pub mod reduce;
pub mod report;
pub mod run;
pub mod schedule;
pub mod seen;
pub mod step;
pub mod store;
pub mod summary;
pub mod tally;
pub mod upload;

pub use error::TrainError;
pub use job::Job;
pub use run::{Channels, Outcome, run};

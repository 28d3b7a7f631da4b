//! What a run needs to go on in another process as if it had never stopped.
//!
//! - [`state`]: what is small: where the run stands, what it has counted, what it was asked
//! - [`tensors`]: what is large: weights, statistics, moments, averages
//! - [`saver`]: when that is written, beside training
//!
//! Random choices need no state: each follows from the seed and its place in the run.

pub mod exact;
pub mod saver;
pub mod state;
pub mod tensors;

pub use saver::{Cadence, Saver};
pub use state::{Position, State};
pub use tensors::Snapshot;

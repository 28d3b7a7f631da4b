//! The SageMaker container contract, seen from inside the container.
//!
//! - [`hyperparameters`]: one table of names, and from it parsing, messages and documentation
//! - [`channels`]: `inputdataconfig.json`, the named inputs of a job
//! - [`resources`]: `resourceconfig.json`, the hosts of a job and our rank among them
//! - [`place`]: our rank in the job, by its hosts or by a launcher's environment
//! - [`paths`]: the tree under `/opt/ml`
//! - [`environment`]: every environment variable the container reads
//! - [`failure`]: `/opt/ml/output/failure` and the exit codes that go with it
//! - [`log`], [`banner`]: the line prefix and the start-up lines that users' notebooks know; [`metrics`]: the expressions
//!   that read the epoch lines
//! - [`configuration`]: reading one of the platform's JSON files
//!
//! No training, no data and no HTTP live here: only the `cli` crate calls this one, and joins it to the core.
//! Invariant: nothing is printed and nothing outside [`paths::Paths`] is touched; what a user got wrong comes
//! back as a value that names the key or file, what was found and what was expected.

pub mod banner;
pub mod channels;
pub mod configuration;
pub mod environment;
pub mod failure;
pub mod hyperparameters;
pub mod log;
pub mod metrics;
pub mod paths;
pub mod place;
pub mod resources;

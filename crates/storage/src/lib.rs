//! Where data and artifacts live.
//!
//! - [`location`]: a local path or an `s3://` prefix, as the user wrote it
//! - [`s3`]: prefixes in and out, for jobs outside SageMaker
//!
//! Inside a SageMaker job the platform moves all data, so only the command line asks for locations, on machines
//! of the user's own. What the files hold is not known here.
//! Invariants: a location that parses is one that exists in principle (its bucket name is a legal one); a downloaded file has
//! its name only once it is whole; no request is made and no credentials are looked for without an `s3://` location.

pub mod location;
pub mod s3;

pub use location::{Location, LocationError};

//! Where data and artifacts live.
//!
//! - [`location`]: a local path or an `s3://` prefix, as the user wrote it
//!
//! Inside a SageMaker job the platform moves all data, so only the command line asks for locations, on machines
//! of the user's own. This version reads and writes local paths; an `s3://` location is understood, shown and
//! joined, and [`Location::as_local`] says how to copy it. What the files hold is not known here.
//! Invariant: a location that parses is one that exists in principle: its bucket name is a legal one.

pub mod location;

pub use location::{Location, LocationError};

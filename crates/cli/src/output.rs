//! Standard output that may be closed early.

use std::io;

/// A reader that has seen enough, such as `head`, is no error.
pub fn unless_closed(result: anyhow::Result<()>) -> anyhow::Result<()> {
    result.or_else(|error| match error.downcast_ref::<io::Error>() {
        Some(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(_) => Err(error.context("cannot write to standard output")),
        None => Err(error),
    })
}

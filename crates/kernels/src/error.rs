//! What is wrong with the sizes of a call.

/// A length that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {found}, expected {expected}")]
pub struct ShapeError {
    /// The thing that was measured.
    pub what: &'static str,
    /// Its length.
    pub found: usize,
    /// The length that fits.
    pub expected: String,
}

/// Compares a length with what it must be.
pub(crate) fn fits(what: &'static str, found: usize, expected: usize) -> Result<(), ShapeError> {
    if found == expected {
        return Ok(());
    }
    Err(ShapeError { what, found, expected: expected.to_string() })
}

/// Sides of different formats, where one is expected.
pub(crate) fn mixed() -> ShapeError {
    ShapeError { what: "the number of formats", found: 2, expected: "1".to_owned() }
}

//! What stands in the way when a channel is opened.

use crate::DataError;
use crate::source::Damaged;

/// Something that cannot be read; samples may be left behind it.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// A stretch of a record file.
    Record(Damaged),
    /// A line of a list, a list, or the file of class names.
    Error(DataError),
}

/// Accepts an obstacle, so that opening goes on without what it hides, or ends opening with an error.
pub(crate) type OnObstacle<'a> = dyn FnMut(Obstacle) -> Result<(), DataError> + 'a;

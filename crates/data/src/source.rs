//! Samples by index, whatever they are stored in.

use std::borrow::Cow;
use std::fmt::Debug;

use crate::{DataError, Origin, Sample};

mod folder;
mod list;
mod record;

pub use folder::FolderSource;
pub use list::ListSource;
pub use record::RecordSource;

/// Random access to the samples of a channel; shared by all worker threads.
pub trait Source: Debug + Send + Sync {
    /// The number of samples.
    fn len(&self) -> usize;

    /// Whether there are none; a channel that opens has at least one.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Labels and encoded image of one sample.
    fn read(&self, index: usize) -> Result<Sample<'_>, DataError>;

    /// The labels alone; reads no image file.
    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError>;

    /// Where the sample stands, for messages. Fails only for an index past the end.
    fn origin(&self, index: usize) -> Result<Origin, DataError>;
}

/// An element that a caller's index names.
fn at<T>(items: &[T], index: usize) -> Result<&T, DataError> {
    items.get(index).ok_or(DataError::Index { index, len: items.len() })
}

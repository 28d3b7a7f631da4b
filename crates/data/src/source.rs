//! Samples by index, whatever they are stored in.

use std::borrow::Cow;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use crate::{DataError, Origin, Sample};

mod folder;
pub(crate) mod idx;
mod list;
mod record;

pub use folder::FolderSource;
pub(crate) use folder::IMAGE_EXTENSIONS;
pub use idx::IdxSource;
pub use list::ListSource;
pub(crate) use list::manifest;
pub use record::{Access, Damaged, RecordSource};

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

/// The bytes of a file. In SageMaker's FastFile mode a read is a request over the network that may fail once.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match std::fs::read(path) {
            Err(error) if tries < 4 && may_pass(&error) => {
                std::thread::sleep(std::time::Duration::from_millis(100 << tries));
            }
            outcome => return outcome,
        }
    }
}

/// Whether a failure may be gone at the next try. A file that is missing stays missing.
fn may_pass(error: &io::Error) -> bool {
    /// `EIO`, which the standard library has no name for.
    const INPUT_OUTPUT: i32 = 5;
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::TimedOut)
        || error.raw_os_error() == Some(INPUT_OUTPUT)
}

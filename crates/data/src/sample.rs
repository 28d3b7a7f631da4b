//! One encoded image with its labels, and where it came from.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One encoded image with its labels, borrowed from the source where possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// One class number, or one 0/1 per class.
    pub labels: Cow<'a, [f32]>,
    /// The bytes of an image file.
    pub encoded: Cow<'a, [u8]>,
}

/// Where a sample stands in the user's data, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a record file.
    Record {
        /// Name of the record file.
        file: Arc<str>,
        /// Number of the record in it, from 0.
        record: usize,
        /// Byte at which the record begins.
        offset: u64,
    },
    /// In an image file named by a list.
    Listed {
        /// Path as the list gives it.
        path: Arc<str>,
        /// Name of the list.
        list: Arc<str>,
        /// Line in it, from 1.
        line: usize,
    },
    /// In a stream of records: SageMaker's Pipe mode.
    Piped {
        /// Name of the pipe, such as `train_0`.
        pipe: Arc<str>,
        /// Number of the sample in it, from 0.
        sample: u64,
        /// Byte at which its record begins.
        offset: u64,
    },
    /// In a file of many images, one after the other.
    Numbered {
        /// Name of the file.
        file: Arc<str>,
        /// Number of the image in it, from 0.
        image: usize,
    },
    /// In an image file below a class folder.
    File {
        /// Path relative to the channel.
        path: Arc<str>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { file, record, offset } => write!(f, "{file}, record {record} at byte {offset}"),
            Self::Listed { path, list, line } => write!(f, "{path} ({list} line {line})"),
            Self::Piped { pipe, sample, offset } => write!(f, "{pipe}, sample {sample} at byte {offset}"),
            Self::Numbered { file, image } => write!(f, "{file}, image {image}"),
            Self::File { path } => f.write_str(path),
        }
    }
}

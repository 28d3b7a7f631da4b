//! Image folders to lists, and lists to record files: MXNet 1.9.1's `tools/im2rec.py` as a library.
//!
//! - [`list()`] walks a folder and writes `.lst` files: the same images, classes, order, splits and text as the original
//! - [`pack()`] writes the `.rec` and `.idx` of a list, in its order whatever the number of threads
//! - [`lists`] finds the lists of a prefix, as the original does before it packs
//!
//! What differs: images that fail are told to the caller and left out, where the original dies with one thread;
//! record files appear under their names when they are complete; PNG files are always compressed alike.

use std::io;
use std::path::PathBuf;

use brazier_mxnet::lst::WriteError;
use brazier_mxnet::recordio::RecordError;

mod image;
mod list;
mod mersenne;
mod pack;
mod walk;

pub use list::{ListFile, ListOptions, Listing, list, lists};
pub use pack::{Color, Encoding, Failure, PackOptions, Packed, pack};

/// Why lists or records could not be made. A single bad image is none of these: see [`Packed::failed`].
#[derive(Debug, thiserror::Error)]
pub enum Im2recError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// An image or folder whose name a list cannot hold.
    #[error("the name of {} is not UTF-8: a list cannot hold it", path.display())]
    Name {
        /// The image or folder.
        path: PathBuf,
    },
    /// An image's path has a tab or line break in it, or a blank at an end.
    #[error("{}: {source}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// With the image.
        source: WriteError,
    },
    /// The record file cannot be written.
    #[error("{}: {source}", path.display())]
    Record {
        /// The record file.
        path: PathBuf,
        /// With the offset.
        source: RecordError,
    },
    /// An option has no sense.
    #[error("{option} is {found}, expected {expected}")]
    Option {
        /// Its name on the command line, without dashes.
        option: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// The threads could not be started.
    #[error("cannot start the threads that pack: {0}")]
    Threads(String),
}

impl Im2recError {
    fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { action: "read", path, source }
    }

    fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { action: "write", path, source }
    }
}

//! Why an archive could not be opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why an archive could not be opened. Every variant names the archive.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The file or folder cannot be read, or is not an archive, or is damaged.
    #[error("{}: cannot be read as a folder, tar or tar.gz archive: {source}", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// An entry that could do harm.
    #[error("{}: entry '{entry}' is refused: {refusal}", path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// The entry's name.
        entry: String,
        /// Why.
        refusal: Refusal,
    },
    /// An entry larger than the limit.
    #[error("{}: entry '{entry}' has {size} bytes, the limit is {limit}", path.display())]
    EntryTooLarge {
        /// The archive.
        path: PathBuf,
        /// The entry's name.
        entry: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The entries together are larger than the limit.
    #[error("{}: entries up to '{entry}' have {size} bytes together, the limit is {limit}", path.display())]
    TotalTooLarge {
        /// The archive.
        path: PathBuf,
        /// The entry that went over the limit.
        entry: String,
        /// Size so far in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// More entries than the limit.
    #[error("{}: has more than {limit} entries, the next is '{entry}'", path.display())]
    TooManyEntries {
        /// The archive.
        path: PathBuf,
        /// The first entry over the limit.
        entry: String,
        /// The limit.
        limit: usize,
    },
    /// An entry that ends early.
    #[error("{}: entry '{entry}' ends after {found} of {expected} bytes", path.display())]
    Truncated {
        /// The archive.
        path: PathBuf,
        /// The entry's name.
        entry: String,
        /// Bytes that are there.
        found: u64,
        /// Bytes that were announced.
        expected: u64,
    },
}

/// Why an entry could do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its path begins at the root.
    Absolute,
    /// Its path has `..` in it.
    Parent,
    /// It is a symbolic or hard link.
    Link,
    /// It is a device, a pipe, or of an unknown kind.
    Special,
    /// Its name is not UTF-8 text, or is empty.
    Name,
    /// The name was there before.
    Repeated,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "its path is absolute",
            Self::Parent => "its path has '..' in it",
            Self::Link => "it is a link",
            Self::Special => "it is neither a file nor a folder",
            Self::Name => "its name is empty or not UTF-8 text",
            Self::Repeated => "the same name was there before",
        })
    }
}

impl ArchiveError {
    pub(super) fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Read { path: path.to_path_buf(), source }
    }
}

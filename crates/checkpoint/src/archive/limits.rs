//! How much of a stranger's archive is taken in.

use std::path::{Path, PathBuf};

use super::ArchiveError;

/// The most that is read. The defaults leave room for ten times the largest model there is (ResNet-200, 260 MB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries, folders included.
    pub entries: usize,
    /// Bytes in one entry, decompressed.
    pub entry_bytes: u64,
    /// Bytes in all entries together, decompressed.
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1000, entry_bytes: 2 << 30, total_bytes: 4 << 30 }
    }
}

/// What has been read so far, held against the limits before each entry is read.
pub(super) struct Meter<'a> {
    path: &'a Path,
    limits: &'a Limits,
    entries: usize,
    bytes: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(path: &'a Path, limits: &'a Limits) -> Self {
        Self { path, limits, entries: 0, bytes: 0 }
    }

    /// Counts an entry of `size` bytes, or says which limit it breaks. One that is not `kept` takes no memory and adds
    /// nothing to the total: an old artifact may hold the weights of every epoch.
    pub(super) fn add(&mut self, entry: &str, size: u64, kept: bool) -> Result<(), ArchiveError> {
        let (path, entry): (PathBuf, String) = (self.path.to_path_buf(), entry.to_string());
        let Limits { entries, entry_bytes, total_bytes } = *self.limits;
        if self.entries == entries {
            return Err(ArchiveError::TooManyEntries { path, entry, limit: entries });
        }
        if size > entry_bytes {
            return Err(ArchiveError::EntryTooLarge { path, entry, size, limit: entry_bytes });
        }
        let total = self.bytes.saturating_add(if kept { size } else { 0 });
        if total > total_bytes {
            return Err(ArchiveError::TotalTooLarge { path, entry, size: total, limit: total_bytes });
        }
        (self.entries, self.bytes) = (self.entries + 1, total);
        Ok(())
    }
}

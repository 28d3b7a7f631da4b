//! What a channel's files are, by their first bytes where the name does not say it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use brazier_mxnet::recordio::MAGIC;

use super::directory::{Entry, Kind, visible_entries};
use crate::DataError;
use crate::source::{IMAGE_EXTENSIONS, idx, manifest};

/// Bytes looked at: enough for the first line of a manifest.
const LOOKED_AT: usize = 64 << 10;

/// The data files at the top of a directory, each kind in name order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub records: Vec<PathBuf>,
    pub lists: Vec<PathBuf>,
    pub manifests: Vec<PathBuf>,
    /// MNIST's IDX files, of images and of labels.
    pub idx: Vec<PathBuf>,
}

impl Contents {
    pub(super) fn of(directory: &Path) -> Result<Self, DataError> {
        let mut contents = Self::default();
        for entry in visible_entries(directory)? {
            let path = directory.join(&entry.name);
            if let Some(kind) = contents.place(&entry, &path)? {
                kind.push(path);
            }
        }
        Ok(contents)
    }

    pub(super) fn is_empty(&self) -> bool {
        [&self.records, &self.lists, &self.manifests, &self.idx].iter().all(|files| files.is_empty())
    }

    /// Where an entry belongs. Files of no bytes are markers, not data.
    fn place(&mut self, entry: &Entry, path: &Path) -> Result<Option<&mut Vec<PathBuf>>, DataError> {
        if !matches!(entry.kind, Kind::File { bytes: 1.. }) {
            return Ok(None);
        }
        Ok(match entry.extension().as_str() {
            "rec" => Some(&mut self.records),
            "lst" => Some(&mut self.lists),
            // Thousands of images need not be opened to see that they are no records.
            extension if IMAGE_EXTENSIONS.contains(&extension) => None,
            _ => {
                let first = first_bytes(path)?;
                if first.starts_with(&MAGIC.to_le_bytes()) {
                    Some(&mut self.records)
                } else if idx::is_idx(&first) {
                    Some(&mut self.idx)
                } else if manifest::is_manifest(&first) {
                    Some(&mut self.manifests)
                } else {
                    None
                }
            }
        })
    }
}

/// The data files of a directory whose top holds none, in the directories below it, merged in path order.
///
/// An S3 prefix with folders of its own arrives like that.
pub(super) fn below(directory: &Path) -> Result<Contents, DataError> {
    let mut all = Contents::default();
    for entry in visible_entries(directory)? {
        if entry.kind != Kind::Directory || entry.link {
            continue;
        }
        let folder = directory.join(&entry.name);
        let mut found = Contents::of(&folder)?;
        if found.is_empty() {
            found = below(&folder)?;
        }
        all.records.append(&mut found.records);
        all.lists.append(&mut found.lists);
        all.manifests.append(&mut found.manifests);
        all.idx.append(&mut found.idx);
    }
    Ok(all)
}

/// The first bytes of a file, unpacked if it is compressed with gzip.
fn first_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { path: path.to_owned(), source };
    let mut first = Vec::new();
    let file = match File::open(path) {
        Ok(file) => file,
        // A stray file that we may not read is no data of ours.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(first),
        Err(error) => return Err(failed(error)),
    };
    file.take(LOOKED_AT as u64).read_to_end(&mut first).map_err(failed)?;
    if first.starts_with(&idx::GZIP) {
        let mut unpacked = Vec::new();
        // What does not unpack is no data of ours; the beginning is all that is asked for.
        let _ = flate2::read::MultiGzDecoder::new(&*first).take(LOOKED_AT as u64).read_to_end(&mut unpacked);
        return Ok(unpacked);
    }
    Ok(first)
}

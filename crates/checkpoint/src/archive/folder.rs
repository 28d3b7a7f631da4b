//! Files that the platform has unpacked already.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::limits::Meter;
use super::{ArchiveError, Files, Limits};
use crate::commit::TEMPORARY_SUFFIX;

/// The regular files at the top level of `path`. Others in the folder, links and unfinished files included, are
/// passed over: it need not be ours alone.
pub(super) fn read(
    path: &Path,
    limits: &Limits,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Files, ArchiveError> {
    let mut meter = Meter::new(path, limits);
    let mut files = Files::new();
    for entry in fs::read_dir(path).map_err(ArchiveError::read(path))? {
        let entry = entry.map_err(ArchiveError::read(path))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let regular = entry.file_type().map_err(ArchiveError::read(&entry.path()))?.is_file();
        if !regular || name.ends_with(TEMPORARY_SUFFIX) || !wanted(&name) {
            continue;
        }
        let size = entry.metadata().map_err(ArchiveError::read(&entry.path()))?.len();
        meter.add(&name, size)?;
        let content = content(&entry.path(), size).map_err(ArchiveError::read(&entry.path()))?;
        files.insert(name, content);
    }
    Ok(files)
}

/// The first `size` bytes: a file that grows meanwhile must not grow past what was counted.
fn content(path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(size).read_to_end(&mut content)?;
    Ok(content)
}

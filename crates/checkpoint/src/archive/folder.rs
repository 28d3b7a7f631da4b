//! Files that the platform has unpacked already.

use std::collections::BTreeSet;
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
    for name in names(path).map_err(ArchiveError::read(path))? {
        if !wanted(&name) {
            continue;
        }
        let file = path.join(&name);
        let size = fs::symlink_metadata(&file).map_err(ArchiveError::read(&file))?.len();
        meter.add(&name, size, true)?;
        let content = content(&file, size).map_err(ArchiveError::read(&file))?;
        files.insert(name, content);
    }
    Ok(files)
}

/// The names of those files, sorted.
pub(super) fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.file_type()?.is_file() && !name.ends_with(TEMPORARY_SUFFIX) {
            names.insert(name);
        }
    }
    Ok(names)
}

/// The first `size` bytes: a file that grows meanwhile must not grow past what was counted.
fn content(path: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    File::open(path)?.take(size).read_to_end(&mut content)?;
    Ok(content)
}

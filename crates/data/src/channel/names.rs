//! The names of the classes, where the data tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use crate::DataError;

/// The optional file with one class name a line; line k (from 0) names label k.
pub(super) const FILE: &str = "classes.txt";

/// The names from `classes.txt` in the channel's directory, or else in the directory above it.
pub(super) fn from_file(directory: &Path) -> Result<Option<Vec<String>>, DataError> {
    for directory in [Some(directory), directory.parent()].into_iter().flatten() {
        let path = directory.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(DataError::Io { path, source }),
        };
        return parse(&bytes).map(Some).map_err(|(line, reason)| DataError::ClassNames {
            path,
            line,
            reason,
        });
    }
    Ok(None)
}

/// The names, or the line (from 1) that is none and why. Blank lines at the end are fine.
fn parse(bytes: &[u8]) -> Result<Vec<String>, (usize, &'static str)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_end();
    let mut names = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let name = str::from_utf8(text).map_err(|_| (line, "the name is not UTF-8"))?.trim();
        if name.is_empty() {
            return Err((line, "the name is empty"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The top-level folders of a list's paths, if they and the labels name each other and the labels have no gap.
///
/// `im2rec` and most people number one folder per class; where something else was done no name is guessed.
pub(super) fn from_paths<'a>(entries: impl Iterator<Item = (&'a [f32], &'a str)>) -> Option<Vec<String>> {
    let mut folders = BTreeMap::new();
    for (labels, path) in entries {
        let &[label] = labels else { return None };
        // Beyond 2^24 not every whole number is an f32, and no list has that many classes.
        if label.fract() != 0.0 || !(0.0..16_777_216.0).contains(&label) {
            return None;
        }
        let (folder, _) = path.trim_start_matches("./").split_once('/')?;
        if *folders.entry(label as usize).or_insert(folder) != folder {
            return None;
        }
    }
    let distinct: BTreeSet<_> = folders.values().collect();
    let no_gap = folders.keys().copied().eq(0..folders.len());
    (no_gap && distinct.len() == folders.len()).then(|| folders.into_values().map(str::to_owned).collect())
}

//! The lines of a `.lst` file.

use std::path::Path;
use std::sync::Arc;

use brazier_mxnet::lst;

use super::{Line, stays_inside};
use crate::DataError;

/// Appends the images that the list at `path` names.
pub(super) fn read(path: &Path, lines: &mut Vec<Line>) -> Result<(), DataError> {
    let bytes =
        super::super::read_file(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let list: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
    // Line by line, because the parser's entries do not carry their line number.
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Some(entry) = lst::lines(text).next() else { continue };
        let entry = entry.map_err(|error| DataError::List {
            file: list.to_string(),
            source: lst::ListError { line: number, ..error },
        })?;
        let line = Line { labels: entry.labels, path: entry.path.into(), list: list.clone(), number };
        if !stays_inside(&line.path) {
            return Err(DataError::PathOutside { origin: line.origin() });
        }
        lines.push(line);
    }
    Ok(())
}

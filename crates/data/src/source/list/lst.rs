//! The lines of a `.lst` file.

use std::path::Path;

use brazier_mxnet::lst;

use super::{Lines, read_list};
use crate::DataError;

/// Appends the images that the list at `path` names.
pub(super) fn read(path: &Path, lines: &mut Lines) -> Result<(), DataError> {
    let Some((list, bytes)) = read_list(path, lines)? else { return Ok(()) };
    // Line by line, because the parser's entries do not carry their line number.
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        match lst::lines(text).next() {
            None => {}
            Some(Ok(entry)) => lines.add(&list, number, entry.labels, entry.path)?,
            Some(Err(error)) => {
                let source = lst::ListError { line: number, ..error };
                lines.reject(DataError::List { file: list.to_string(), source })?;
            }
        }
    }
    Ok(())
}

//! `.lst` files: one image a line, its index, its labels and its path, separated by tabs (MXNet's `im2rec.py`).
//!
//! Read as leniently as `im2rec` reads: blanks round fields, blank lines, CRLF, a missing last newline, labels
//! written as integers, blanks inside paths. What `im2rec` prints and skips is an error here; a caller
//! that wants to skip uses [`lines`].

use crate::excerpt::excerpt;
use std::io::{self, Write};

/// One image of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The image's index, unique within its list; becomes the record's id.
    pub index: i64,
    /// One label or more, finite.
    pub labels: Vec<f32>,
    /// The image's path, relative to the list's root.
    pub path: String,
}

/// A line that does not name an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("list line {line}: {reason} in {text:?}, expected index, label(s) and path separated by tabs")]
pub struct ListError {
    /// Line number, from 1.
    pub line: usize,
    /// The line, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An entry that cannot be written, or a stream that failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The entry would not be read back as it is.
    #[error("list entry {index} cannot be written: {reason}, path {path:?}")]
    Entry {
        /// The entry's index.
        index: i64,
        /// The entry's path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The stream below failed.
    #[error("cannot write the list: {0}")]
    Io(#[from] io::Error),
}

/// Reads a whole list.
///
/// # Errors
/// At the first line with fewer than three fields, an index that is no integer, a label that is no finite number,
/// no path, or bytes that are not UTF-8.
pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Vec<Entry>, ListError> {
    lines(bytes.as_ref()).collect()
}

/// The entries line by line, for a caller that decides what a bad line means. Blank lines are passed over.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<Entry, ListError>> {
    // Spreadsheets on Windows put a byte order mark before the first index.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(line, text)| entry(line + 1, text).transpose())
}

/// Writes a list as `im2rec` does: labels with six decimals.
///
/// # Errors
/// When an entry has no labels, or a path that is empty, has blanks at its ends or holds a tab or line break; or
/// when the stream fails.
pub fn write(entries: &[Entry], mut out: impl Write) -> Result<(), WriteError> {
    for Entry { index, labels, path } in entries {
        let fail = |reason| WriteError::Entry { index: *index, path: path.clone(), reason };
        if labels.is_empty() {
            return Err(fail("no label"));
        }
        if labels.iter().any(|label| !label.is_finite()) {
            return Err(fail("a label is not finite"));
        }
        if path.is_empty() || path.trim() != path || path.contains(['\t', '\n']) {
            return Err(fail("the path is empty, has outer blanks, or holds a tab or line break"));
        }
        write!(out, "{index}")?;
        labels.iter().try_for_each(|label| write!(out, "\t{label:.6}"))?;
        writeln!(out, "\t{path}")?;
    }
    Ok(())
}

fn entry(line: usize, bytes: &[u8]) -> Result<Option<Entry>, ListError> {
    let fail = |reason: String| ListError { line, text: excerpt(bytes), reason };
    let text =
        str::from_utf8(bytes).map_err(|error| fail(format!("byte {} is not UTF-8", error.valid_up_to())))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let fields: Vec<&str> = text.trim().split('\t').map(str::trim).collect();
    let [index, labels @ .., path] = fields.as_slice() else { return Err(fail("1 field".into())) };
    if labels.is_empty() {
        return Err(fail("2 fields".into()));
    }
    let index = index.parse().map_err(|_| fail(format!("index {index:?} is not an integer")))?;
    let label =
        |text: &&str| label(text).ok_or_else(|| fail(format!("label {text:?} is not a finite number")));
    let labels = labels.iter().map(label).collect::<Result<_, _>>()?;
    Ok(Some(Entry { index, labels, path: (*path).to_owned() }))
}

/// A label as `im2rec` packs it: read in double precision, stored in single.
fn label(text: &str) -> Option<f32> {
    text.parse::<f64>().ok().map(|label| label as f32).filter(|label| label.is_finite())
}

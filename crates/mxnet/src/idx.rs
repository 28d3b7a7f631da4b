//! `.idx` files: one line a record, its key, a tab, the byte offset of its first part.
//!
//! The key is the image's index in its list. MXNet's iterator ignores keys and sorts the offsets.

use crate::excerpt::excerpt;
use std::io::{self, Write};

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record's key, usually its list index.
    pub key: i64,
    /// Byte offset of the record's first part in the `.rec` file.
    pub offset: u64,
}

/// A line that is not a key and an offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index line {line}: {reason}, found {text:?}, expected a key, a tab and a byte offset")]
pub struct IndexError {
    /// Line number, from 1.
    pub line: usize,
    /// The line, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a whole index. Blank lines, CRLF and any blanks between the two numbers are accepted.
///
/// # Errors
/// At the first line that is not two integers.
pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Vec<Entry>, IndexError> {
    let lines = bytes.as_ref().split(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(line, text)| entry(line + 1, text).transpose()).collect()
}

/// Writes an index as MXNet does.
///
/// # Errors
/// When the stream fails.
pub fn write(entries: &[Entry], mut out: impl Write) -> io::Result<()> {
    entries.iter().try_for_each(|Entry { key, offset }| writeln!(out, "{key}\t{offset}"))
}

fn entry(line: usize, bytes: &[u8]) -> Result<Option<Entry>, IndexError> {
    let fail = |reason| IndexError { line, text: excerpt(bytes), reason };
    let text = str::from_utf8(bytes).map_err(|_| fail("not UTF-8"))?;
    let mut fields = text.split_whitespace();
    let Some(key) = fields.next() else { return Ok(None) };
    let offset = fields.next().ok_or_else(|| fail("no offset"))?;
    if fields.next().is_some() {
        return Err(fail("more than two fields"));
    }
    let key = key.parse().map_err(|_| fail("key is not an integer"))?;
    let offset = offset.parse().map_err(|_| fail("offset is not a non-negative integer"))?;
    Ok(Some(Entry { key, offset }))
}

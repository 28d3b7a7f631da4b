//! Which records one of several readers gets, cut exactly as MXNet cuts (dmlc-core `input_split_base.cc`,
//! `recordio_split.cc` and `indexed_recordio_split.cc`).
//!
//! Without an index bytes are divided, not records: each part gets an equal range, whose ends then move forward to the
//! next record. Parts differ in records, some may have none, and every record is in exactly one.

use super::frame::{HEAD_BYTES, begins_record};
use super::{MAGIC, RecordError};
use std::ops::Range;

/// A fault in one of several files.
#[derive(Debug, thiserror::Error)]
#[error("record file number {file} (from 0): {source}")]
pub struct FileError {
    /// Position of the file among those given.
    pub file: usize,
    /// The fault, at an offset in that file.
    pub source: RecordError,
}

/// Part `part` (from 0) of `parts` of a whole record file, as a range of bytes that begins and ends at records. Empty
/// when no record begins in the part's share.
///
/// # Errors
/// When there is no such part, the file's size is no multiple of 4, or the file ends inside the head that the
/// part should end at.
pub fn part(bytes: &[u8], part: usize, parts: usize) -> Result<Range<u64>, RecordError> {
    part_of_files(&[bytes], part, parts).map_err(|error| error.source)
}

/// The same for several files read one after the other: a range over their concatenation. A file's beginning
/// always counts as a record's.
///
/// # Errors
/// As [`part`], for the first file at fault.
pub fn part_of_files(files: &[&[u8]], part: usize, parts: usize) -> Result<Range<u64>, FileError> {
    for (file, bytes) in files.iter().enumerate() {
        let found = bytes.len() as u64;
        if !found.is_multiple_of(4) {
            return Err(FileError { file, source: RecordError::Unaligned { found } });
        }
    }
    let total = files.iter().map(|bytes| bytes.len() as u64).sum();
    let share = share(total, part, parts).map_err(|source| FileError { file: 0, source })?;
    if share.is_empty() {
        return Ok(share);
    }
    Ok(record_from(files, share.start)?..record_from(files, share.end)?)
}

/// The bytes of a part before its ends move: a record of a sound file is in the part in whose share it begins. For a
/// caller that knows the offsets of all records this is all it needs.
///
/// # Errors
/// When there is no such part.
pub fn share(total: u64, part: usize, parts: usize) -> Result<Range<u64>, RecordError> {
    check(part, parts)?;
    let (part, parts) = (part as u64, parts as u64);
    let step = total.div_ceil(parts).saturating_add(3) & !3;
    let end = |part: u64| step.saturating_mul(part).min(total);
    Ok(end(part)..end(part.saturating_add(1)))
}

/// Part `part` of `parts` of the records of a file with an index, as positions in the order of their offsets.
///
/// # Errors
/// When there is no such part.
pub fn part_of_index(records: usize, part: usize, parts: usize) -> Result<Range<usize>, RecordError> {
    check(part, parts)?;
    let step = records.div_ceil(parts);
    let end = |part: usize| step.saturating_mul(part).min(records);
    Ok(end(part)..end(part.saturating_add(1)))
}

fn check(part: usize, parts: usize) -> Result<(), RecordError> {
    if part < parts { Ok(()) } else { Err(RecordError::Part { part, parts }) }
}

/// The first record at or after `offset` in the file where that lies, or else the end of that file.
fn record_from(files: &[&[u8]], offset: u64) -> Result<u64, FileError> {
    let mut begins = 0;
    for (file, bytes) in files.iter().enumerate() {
        let within = offset - begins;
        if within == 0 {
            return Ok(offset);
        }
        if within < bytes.len() as u64 {
            let moved = next_head(bytes, within).map_err(|source| FileError { file, source })?;
            return Ok(begins + moved);
        }
        begins += bytes.len() as u64;
    }
    Ok(begins)
}

/// Scans words of four bytes for a head that begins a record. dmlc-core also passes over the word after a magic that
/// begins none; that word is never a magic in what a writer wrote, and in other bytes parts would overlap.
fn next_head(bytes: &[u8], from: u64) -> Result<u64, RecordError> {
    for offset in (from..bytes.len() as u64).step_by(4) {
        // No truncation: it is below the length of a slice.
        let rest = &bytes[offset as usize..];
        if begins_record(rest) {
            return Ok(offset);
        }
        if rest == MAGIC.to_le_bytes() {
            let (field, found, expected) = ("part head", 4, HEAD_BYTES);
            return Err(RecordError::Truncated { offset, field, found, expected });
        }
    }
    Ok(bytes.len() as u64)
}

//! What can still be read of a damaged file.
//!
//! Sound records hold no magic at a multiple of four, so the next one is found by scanning for it. What looks
//! like a head counts only when its record is whole and the file ends there or goes on with another magic: bytes of
//! an image do not pass for a record by accident.

use super::frame::{HEAD_BYTES, begins_record};
use super::mapped::record_end;
use super::{MAGIC, RecordError};
use std::fmt;
use std::ops::Range;

/// The records of a file, and the damage between them.
#[derive(Debug, Default)]
pub struct Survey {
    /// Offsets of the records that can be read, in file order.
    pub offsets: Vec<u64>,
    /// The stretches that cannot, in file order; empty for a sound file.
    pub damaged: Vec<Damage>,
}

/// A stretch of a file in which no record can be read. How many records it once held cannot be known.
#[derive(Debug)]
pub struct Damage {
    /// Where the stretch begins: the start of the first record lost.
    pub offset: u64,
    /// Bytes up to the next record that can be read, or to the end.
    pub bytes: u64,
    /// What was found wrong.
    pub error: RecordError,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at byte {} are lost: {}", self.bytes, self.offset, self.error)
    }
}

/// Finds every record that can be read, going on after damage. For a sound file the offsets are those of
/// [`offsets`](super::offsets), for the same cost.
///
/// A record whose length was made too short stays, cut; one whose length was made too long is given up for those that
/// it covers, unless it ends where another begins.
pub fn survey(bytes: &[u8]) -> Survey {
    let (mut survey, mut next) = (Survey::default(), 0);
    while next < bytes.len() as u64 {
        match record_end(bytes, next) {
            Ok(end) => {
                survey.offsets.push(next);
                next = end;
            }
            Err(error) => next = survey.pass_over(bytes, next, error),
        }
    }
    survey
}

impl Survey {
    /// Notes the damage found at `found`, and gives the offset of the next record that can be read.
    fn pass_over(&mut self, bytes: &[u8], found: u64, error: RecordError) -> u64 {
        // Where a length is too long its record ends anywhere, and that is where the error shows.
        let before = self.offsets.last().copied();
        let covered = before.and_then(|offset| next_record(bytes, offset + HEAD_BYTES..found));
        let (offset, resume) = match (before, covered) {
            (Some(offset), Some(resume)) => {
                self.offsets.pop();
                (offset, resume)
            }
            _ => (found, next_record(bytes, found + 4..bytes.len() as u64).unwrap_or(bytes.len() as u64)),
        };
        self.damaged.push(Damage { offset, bytes: resume - offset, error });
        resume
    }
}

/// The first offset in `within` at which a record certainly begins.
fn next_record(bytes: &[u8], within: Range<u64>) -> Option<u64> {
    let rest = |offset: u64| bytes.get(offset as usize..).unwrap_or_default();
    let followed = |end: u64| rest(end).is_empty() || rest(end).starts_with(&MAGIC.to_le_bytes());
    let certain = |offset| begins_record(rest(offset)) && record_end(bytes, offset).is_ok_and(followed);
    within.step_by(4).find(|offset| certain(*offset))
}

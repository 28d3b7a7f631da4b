//! Random access to records in memory, usually a mapped file.

use super::frame::{HEAD_BYTES, Head};
use super::{MAGIC, MAX_RECORD_BYTES, RecordError};
use std::borrow::Cow;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Byte offset of its first part.
    pub offset: u64,
    /// The payload: borrowed when the record has one part, joined when it was cut at magics.
    pub payload: Cow<'a, [u8]>,
}

/// The record whose first part begins at `offset`, and the offset of the record after it.
///
/// # Errors
/// When no record begins there, or it does not end within `bytes`.
pub fn record_at(bytes: &[u8], offset: u64) -> Result<(Record<'_>, u64), RecordError> {
    let (head, data, mut next) = part_at(bytes, offset, None)?;
    if head.position.ends() {
        return Ok((Record { offset, payload: Cow::Borrowed(data) }, next));
    }
    let mut payload = data.to_vec();
    loop {
        payload.extend_from_slice(&MAGIC.to_le_bytes());
        let (head, data, after) = part_at(bytes, next, Some((offset, payload.len() as u64)))?;
        payload.extend_from_slice(data);
        next = after;
        if head.position.ends() {
            return Ok((Record { offset, payload: Cow::Owned(payload) }, next));
        }
    }
}

/// The offsets of all records, in file order, found by one walk over the part heads.
///
/// # Errors
/// At the first part that is damaged or cut off.
pub fn offsets(bytes: &[u8]) -> Result<Vec<u64>, RecordError> {
    let (mut offsets, mut next) = (Vec::new(), 0);
    while next < bytes.len() as u64 {
        offsets.push(next);
        next = record_end(bytes, next)?;
    }
    Ok(offsets)
}

/// The offset after the record that begins at `offset`; the data is not looked at.
pub(super) fn record_end(bytes: &[u8], offset: u64) -> Result<u64, RecordError> {
    let (mut head, data, mut next) = part_at(bytes, offset, None)?;
    let mut length = data.len() as u64;
    while !head.position.ends() {
        let data;
        length += 4;
        (head, data, next) = part_at(bytes, next, Some((offset, length)))?;
        length += data.len() as u64;
    }
    Ok(next)
}

/// The part at `offset`: its head, its data, and the offset after its padding. A part that continues a record comes
/// with that record's offset and the bytes of payload before it.
fn part_at(
    bytes: &[u8],
    offset: u64,
    continues: Option<(u64, u64)>,
) -> Result<(Head, &[u8], u64), RecordError> {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
    let Some((head, rest)) = rest.split_first_chunk::<8>() else {
        let found = rest.len() as u64;
        return Err(RecordError::Truncated { offset, field: "part head", found, expected: HEAD_BYTES });
    };
    let head = Head::decode(*head, offset, continues.is_none())?;
    if let Some((start, before)) = continues {
        check_length(start, before + u64::from(head.length))?;
    }
    let padded = head.padded() as u64;
    // No overflow: `offset` lies within a slice, whose length is below 2^63.
    let begins = offset + HEAD_BYTES;
    if (rest.len() as u64) < padded {
        let found = rest.len() as u64;
        return Err(RecordError::Truncated { offset: begins, field: "record data", found, expected: padded });
    }
    Ok((head, &rest[..head.length as usize], begins + padded))
}

fn check_length(offset: u64, found: u64) -> Result<(), RecordError> {
    if found > MAX_RECORD_BYTES {
        return Err(RecordError::TooLong { offset, found, limit: MAX_RECORD_BYTES });
    }
    Ok(())
}

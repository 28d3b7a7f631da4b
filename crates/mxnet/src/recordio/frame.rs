//! The eight bytes before a part's data.

use super::{MAGIC, MAX_RECORD_BYTES, RecordError};

/// Bytes of a part's head: magic and length word.
pub(super) const HEAD_BYTES: u64 = 8;

/// Whether bytes begin as a record does: the magic, then a word whose position flag is 0 or 1.
pub(super) fn begins_record(bytes: &[u8]) -> bool {
    let head = bytes.first_chunk().map(|head| Head::decode(*head, 0, true));
    head.is_some_and(|head| head.is_ok())
}

/// Where a part stands in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Whole = 0,
    First = 1,
    Middle = 2,
    Last = 3,
}

impl Position {
    /// Whether the record ends with this part.
    pub(super) fn ends(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }
}

/// A part's decoded head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) position: Position,
    /// Bytes of data, without padding.
    pub(super) length: u32,
}

impl Head {
    /// The head of a part with `length` bytes, below 2^29.
    pub(super) fn encode(position: Position, length: u32) -> [u8; 8] {
        let word = (position as u32) << 29 | length;
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..].copy_from_slice(&word.to_le_bytes());
        bytes
    }

    /// Reads the head at `offset`; `starts` says whether it is a record's first.
    pub(super) fn decode(bytes: [u8; 8], offset: u64, starts: bool) -> Result<Self, RecordError> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let magic = u32::from_le_bytes([a, b, c, d]);
        if magic != MAGIC {
            return Err(RecordError::Magic { offset, found: magic });
        }
        let word = u32::from_le_bytes([e, f, g, h]);
        let position = match (word >> 29, starts) {
            (0, true) => Position::Whole,
            (1, true) => Position::First,
            (2, false) => Position::Middle,
            (3, false) => Position::Last,
            (found, _) => {
                let expected = if starts { "0 (whole) or 1 (first)" } else { "2 (middle) or 3 (last)" };
                return Err(RecordError::Position { offset, found, expected });
            }
        };
        Ok(Self { position, length: word & MAX_RECORD_BYTES as u32 })
    }

    /// Bytes of data and of the zeros after it, up to a multiple of four.
    pub(super) fn padded(self) -> usize {
        (self.length as usize).next_multiple_of(4)
    }
}

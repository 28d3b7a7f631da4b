//! Records to a stream, cut at magics as dmlc-core's `RecordIOWriter` cuts them.

use super::frame::{HEAD_BYTES, Head, Position};
use super::{MAGIC, MAX_RECORD_BYTES, RecordError};
use std::io::Write;

/// Writes records one after the other. It makes small writes: give it a buffered stream.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    offset: u64,
}

impl<W: Write> Writer<W> {
    /// A writer whose first record gets offset 0.
    pub fn new(inner: W) -> Self {
        Self { inner, offset: 0 }
    }

    /// Writes one record and returns the byte offset of its first part, as an `.idx` file wants it.
    ///
    /// # Errors
    /// When the payload has 2^29 bytes or more, or the stream fails.
    pub fn write(&mut self, payload: &[u8]) -> Result<u64, RecordError> {
        let (offset, found) = (self.offset, payload.len() as u64);
        if found > MAX_RECORD_BYTES {
            return Err(RecordError::TooLong { offset, found, limit: MAX_RECORD_BYTES });
        }
        let mut begins = 0;
        for (word, _) in payload.chunks_exact(4).enumerate().filter(|(_, word)| *word == MAGIC.to_le_bytes())
        {
            let position = if begins == 0 { Position::First } else { Position::Middle };
            self.part(position, &payload[begins..4 * word])?;
            begins = 4 * word + 4;
        }
        let position = if begins == 0 { Position::Whole } else { Position::Last };
        self.part(position, &payload[begins..])?;
        Ok(offset)
    }

    /// The stream below, not flushed.
    pub fn into_inner(self) -> W {
        self.inner
    }

    fn part(&mut self, position: Position, data: &[u8]) -> Result<(), RecordError> {
        // No truncation: `write` checked that the whole payload is below 2^29.
        let length = data.len() as u32;
        let padding = (length.wrapping_neg() % 4) as usize;
        let offset = self.offset;
        let fail = |source| RecordError::Io { offset, source };
        self.inner.write_all(&Head::encode(position, length)).map_err(fail)?;
        self.inner.write_all(data).map_err(fail)?;
        self.inner.write_all(&[0; 3][..padding]).map_err(fail)?;
        self.offset += HEAD_BYTES + (data.len() + padding) as u64;
        Ok(())
    }
}

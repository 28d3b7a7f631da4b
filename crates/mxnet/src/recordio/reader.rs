//! Records from a stream: a file, a FIFO, a download.

use super::frame::{HEAD_BYTES, Head};
use super::{MAGIC, MAX_RECORD_BYTES, RecordError};
use std::io::{self, Read};

/// A record that owns its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Byte offset of its first part, counted from where the reader began.
    pub offset: u64,
    /// The payload, magics restored.
    pub payload: Vec<u8>,
}

/// Reads records one after the other. It makes small reads: give it a buffered stream.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    offset: u64,
    limit: u64,
}

impl<R: Read> Reader<R> {
    /// A reader from here on, for records of any legal length.
    pub fn new(inner: R) -> Self {
        Self::with_limit(inner, MAX_RECORD_BYTES)
    }

    /// A reader that refuses records of more than `limit` bytes.
    pub fn with_limit(inner: R, limit: u64) -> Self {
        Self { inner, offset: 0, limit: limit.min(MAX_RECORD_BYTES) }
    }

    /// The next record, or `None` at the end of the stream. After an error the reader is of no further use.
    ///
    /// # Errors
    /// When the stream fails, ends inside a record, or holds something else than a record.
    pub fn next_record(&mut self) -> Result<Option<OwnedRecord>, RecordError> {
        let start = self.offset;
        let mut payload = Vec::new();
        let Some(mut head) = self.head(true)? else { return Ok(None) };
        loop {
            self.data(head, start, &mut payload)?;
            if head.position.ends() {
                return Ok(Some(OwnedRecord { offset: start, payload }));
            }
            payload.extend_from_slice(&MAGIC.to_le_bytes());
            let offset = self.offset;
            head = self.head(false)?.ok_or(RecordError::Truncated {
                offset,
                field: "part head",
                found: 0,
                expected: HEAD_BYTES,
            })?;
        }
    }

    /// The next part's head, or `None` when the stream ends before it.
    fn head(&mut self, starts: bool) -> Result<Option<Head>, RecordError> {
        let mut bytes = [0; HEAD_BYTES as usize];
        let offset = self.offset;
        match self.fill(&mut bytes)? {
            0 => Ok(None),
            found if found < HEAD_BYTES => {
                Err(RecordError::Truncated { offset, field: "part head", found, expected: HEAD_BYTES })
            }
            _ => Head::decode(bytes, offset, starts).map(Some),
        }
    }

    /// Appends a part's data to `payload` and passes over its padding.
    fn data(&mut self, head: Head, start: u64, payload: &mut Vec<u8>) -> Result<(), RecordError> {
        let (offset, length) = (self.offset, u64::from(head.length));
        let total = payload.len() as u64 + length;
        if total > self.limit {
            return Err(RecordError::TooLong { offset: start, found: total, limit: self.limit });
        }
        // `take` grows the vector with what arrives, so a false length costs no memory.
        let read = self.inner.by_ref().take(length).read_to_end(payload);
        let read = read.map_err(|source| RecordError::Io { offset, source })? as u64;
        self.offset += read;
        let mut padding = [0; 3];
        let padding = &mut padding[..head.padding() as usize];
        let expected = length + padding.len() as u64;
        let found = if read == length { read + self.fill(padding)? } else { read };
        if found < expected {
            return Err(RecordError::Truncated { offset, field: "record data", found, expected });
        }
        Ok(())
    }

    /// Fills `bytes` as far as the stream goes; the number of bytes filled.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<u64, RecordError> {
        let offset = self.offset;
        let mut filled = 0;
        while filled < bytes.len() {
            match self.inner.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(RecordError::Io { offset, source }),
            }
        }
        self.offset += filled as u64;
        Ok(filled as u64)
    }
}

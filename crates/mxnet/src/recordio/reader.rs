//! Records from a stream: a file, a FIFO, a download.

use super::frame::{HEAD_BYTES, Head, begins_record};
use super::window::Window;
use super::{MAGIC, MAX_RECORD_BYTES, Record, RecordError};
use std::borrow::Cow;
use std::io::Read;

const HEAD: usize = HEAD_BYTES as usize;

/// A record that owns its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Byte offset of its first part, counted from where the reader began.
    pub offset: u64,
    /// The payload, magics restored.
    pub payload: Vec<u8>,
}

/// Reads records one after the other. It reads in blocks of 1 MiB: the stream needs no buffer of its own.
#[derive(Debug)]
pub struct Reader<R> {
    window: Window<R>,
    limit: u64,
}

impl<R: Read> Reader<R> {
    /// A reader from here on, for records of any legal length.
    pub fn new(inner: R) -> Self {
        Self::with_limit(inner, MAX_RECORD_BYTES)
    }

    /// A reader that refuses records of more than `limit` bytes.
    pub fn with_limit(inner: R, limit: u64) -> Self {
        Self { window: Window::new(inner), limit: limit.min(MAX_RECORD_BYTES) }
    }

    /// Bytes read so far: where the next record begins, or after an error where the reader stands.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The next record, or `None` at the end of the stream.
    ///
    /// # Errors
    /// As [`borrow_record`](Self::borrow_record).
    pub fn next_record(&mut self) -> Result<Option<OwnedRecord>, RecordError> {
        let record = self.borrow_record()?;
        Ok(record.map(|Record { offset, payload }| OwnedRecord { offset, payload: payload.into_owned() }))
    }

    /// Puts the next record's payload in the place of what `payload` holds and gives the record's offset; `None` at
    /// the end of the stream. One copy, and no allocation once `payload` is large enough.
    ///
    /// # Errors
    /// As [`borrow_record`](Self::borrow_record); `payload` is then empty.
    pub fn read_into(&mut self, payload: &mut Vec<u8>) -> Result<Option<u64>, RecordError> {
        payload.clear();
        let Some(record) = self.borrow_record()? else { return Ok(None) };
        payload.extend_from_slice(&record.payload);
        Ok(Some(record.offset))
    }

    /// The next record, or `None` at the end of the stream, without a copy: the payload of a record of one part
    /// lies in the reader's own buffer, until the next call.
    ///
    /// # Errors
    /// When the stream fails, ends inside a record, or holds something else than a record. The reader then stays
    /// where it is: [`resynchronise`](Self::resynchronise) goes on.
    pub fn borrow_record(&mut self) -> Result<Option<Record<'_>>, RecordError> {
        let offset = self.window.offset();
        if self.window.hold(HEAD)? == 0 {
            return Ok(None);
        }
        let head = self.part(true, offset, 0)?;
        if head.position.ends() {
            let payload = self.data(head);
            return Ok(Some(Record { offset, payload: Cow::Borrowed(payload) }));
        }
        let mut payload = self.data(head).to_vec();
        loop {
            payload.extend_from_slice(&MAGIC.to_le_bytes());
            let head = self.part(false, offset, payload.len())?;
            payload.extend_from_slice(self.data(head));
            if head.position.ends() {
                return Ok(Some(Record { offset, payload: Cow::Owned(payload) }));
            }
        }
    }

    /// Goes on after an error to what looks like the next record and gives its offset; `None` at the end of the
    /// stream. Unlike [`survey`](super::survey) this takes the next head that can begin a record, without knowing
    /// what follows it, and a record whose length is too long takes those that it covers with it.
    ///
    /// # Errors
    /// When the stream fails.
    pub fn resynchronise(&mut self) -> Result<Option<u64>, RecordError> {
        let failed = self.window.hold(4)?;
        self.window.take(failed);
        loop {
            let held = self.window.hold(HEAD)?;
            if held < HEAD {
                self.window.take(held);
                return Ok(None);
            }
            if begins_record(self.window.bytes()) {
                return Ok(Some(self.window.offset()));
            }
            self.window.take(4);
        }
    }

    /// Reads the next part of the record at `start`, of which `before` bytes are known, up to its padding.
    fn part(&mut self, starts: bool, start: u64, before: usize) -> Result<Head, RecordError> {
        let offset = self.window.offset();
        self.window.hold(HEAD)?;
        let Some(head) = self.window.bytes().first_chunk() else {
            let found = self.window.bytes().len() as u64;
            return Err(RecordError::Truncated { offset, field: "part head", found, expected: HEAD_BYTES });
        };
        let head = Head::decode(*head, offset, starts)?;
        let total = before as u64 + u64::from(head.length);
        if total > self.limit {
            return Err(RecordError::TooLong { offset: start, found: total, limit: self.limit });
        }
        let held = self.window.hold(HEAD + head.padded())?;
        if held < HEAD + head.padded() {
            let (offset, field, found) = (offset + HEAD_BYTES, "record data", (held - HEAD) as u64);
            return Err(RecordError::Truncated { offset, field, found, expected: head.padded() as u64 });
        }
        Ok(head)
    }

    /// The data of the part at the window's beginning, as [`part`](Self::part) left it; moves past it.
    fn data(&mut self, head: Head) -> &[u8] {
        &self.window.take(HEAD + head.padded())[HEAD..HEAD + head.length as usize]
    }
}

//! A stretch of a stream in memory, moved along it.

use super::RecordError;
use std::io::{ErrorKind, Read};

/// Bytes asked of the stream at once.
const BLOCK_BYTES: usize = 1 << 20;

/// The bytes of a stream from `offset` on, as far as they were read.
#[derive(Debug)]
pub(super) struct Window<R> {
    inner: R,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// Bytes of the stream before the window.
    offset: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), begin: 0, end: 0, offset: 0 }
    }

    /// Where in the stream the window begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What lies in the window.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// The next `bytes` bytes, which [`hold`](Self::hold) must have said are there; the window then begins after them.
    pub(super) fn take(&mut self, bytes: usize) -> &[u8] {
        let begin = self.begin;
        self.begin += bytes;
        self.offset += bytes as u64;
        &self.buffer[begin..self.begin]
    }

    /// Reads until the window holds `bytes` bytes or the stream ends; says how many of them it holds. The
    /// buffer grows only when it is full of what has arrived, so a false length costs no memory.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<usize, RecordError> {
        while self.end - self.begin < bytes {
            self.make_room();
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + (self.end - self.begin) as u64;
                    return Err(RecordError::Io { offset, source });
                }
            }
        }
        Ok(bytes.min(self.end - self.begin))
    }

    /// Leaves at least a byte free after the window's end.
    fn make_room(&mut self) {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() && self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if self.buffer.is_empty() {
            // Zeroed by the system, page by page as they are touched: a short stream costs little.
            self.buffer = vec![0; BLOCK_BYTES];
        } else if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
    }
}

//! Fields one after the other, each checked against the bytes that are left.

use super::ParamsError;

/// A place in the file. `offset` never passes the end.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes from here to the end.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// The next `length` bytes, if the file has them: no field costs memory that the file has not paid for.
    pub(super) fn take(&mut self, length: u64, field: &'static str) -> Result<&'a [u8], ParamsError> {
        let taken = usize::try_from(length).ok().and_then(|length| self.bytes[self.offset..].get(..length));
        let truncated = || {
            let (offset, found) = (self.offset, self.left());
            ParamsError::Truncated { offset, field, found, expected: length }
        };
        let taken = taken.ok_or_else(truncated)?;
        self.offset += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ParamsError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, field)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, ParamsError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, ParamsError> {
        self.array(field).map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, ParamsError> {
        self.array(field).map(u64::from_le_bytes)
    }
}

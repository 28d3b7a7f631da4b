//! Bits from the entropy-coded bytes.

/// Bits that are there after [`Bits::refill`], at least.
pub(super) const REFILLED: u32 = 56;

/// A cursor over bytes without stuffing. Past the end it reads zeros; [`Bits::position`] tells that it did.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The byte that the next refill starts with.
    next: usize,
    /// The bits ahead, from the highest on. Those beyond `count` are either zero or what the file has there.
    ahead: u64,
    /// Bits ahead, in the lowest six bits.
    count: u32,
}

impl<'a> Bits<'a> {
    /// Starts at byte `start`.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes, next: start, ahead: 0, count: 0 }
    }

    /// Has at least [`REFILLED`] bits ahead.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let count = self.count & 63;
        if let Some(bytes) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk) {
            self.ahead |= u64::from_be_bytes(*bytes) >> count;
        }
        self.next += ((63 - count) >> 3) as usize;
        self.count = count | REFILLED;
    }

    /// The bits ahead, from the highest on.
    #[inline(always)]
    pub(super) fn ahead(&self) -> u64 {
        self.ahead
    }

    /// Moves on by the lowest six bits of `bits`, at most as many as are left since the last refill.
    ///
    /// The higher ones need not be cut off first: that would be one more instruction in the chain from code to code.
    #[inline(always)]
    pub(super) fn consume(&mut self, bits: u32) {
        self.ahead <<= bits & 63;
        self.count = self.count.wrapping_sub(bits);
    }

    /// Bits consumed since the first byte.
    pub(super) fn position(&self) -> usize {
        self.next * 8 - (self.count & 63) as usize
    }
}

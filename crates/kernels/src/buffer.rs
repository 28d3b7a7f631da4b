//! Memory that is used again.
//!
//! A step asks for the same sizes as the step before. Large blocks that go back to the system come again as pages of
//! zeros, which costs as much as writing them once more; so what is dropped is kept for the next who asks for that size.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Values that nobody else holds, from a boundary of cache lines on. They begin as whatever the last user left, or 0.
#[derive(Debug)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

/// A cache line: a vector that is read across two of them costs twice.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

/// Kept blocks by their number of lines.
#[derive(Default)]
struct Kept {
    blocks: HashMap<usize, Vec<Vec<Line>>>,
    lines: usize,
}

/// Most lines that are kept: 2 GiB.
const MOST: usize = 1 << 25;

/// Blocks are a multiple of it, so that scratch of almost the same size is the same block.
const GRAIN: usize = 64;

fn kept() -> &'static Mutex<Kept> {
    static KEPT: OnceLock<Mutex<Kept>> = OnceLock::new();
    KEPT.get_or_init(Mutex::default)
}

impl Buffer {
    /// `len` values of any content.
    pub fn new(len: usize) -> Self {
        let count = len.div_ceil(LINE).next_multiple_of(GRAIN);
        let mut kept = kept().lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.blocks.get_mut(&count).and_then(Vec::pop);
        if found.is_some() {
            kept.lines -= count;
        }
        drop(kept);
        let lines = found.unwrap_or_else(|| vec![Line([0.0; LINE]); count]);
        Buffer { lines, len }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Buffer::new(len);
        buffer.fill(0.0);
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let mut kept = kept().lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.is_empty() && kept.lines + lines.len() <= MOST {
            kept.lines += lines.len();
            kept.blocks.entry(lines.len()).or_default().push(lines);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: lines are values without gaps, at least `len` of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and borrowed by nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_block_is_the_next_of_its_size() {
        // A size that no other test of this process asks for.
        let first = Buffer::new(123_456);
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::new(123_400);
        assert_eq!((second.as_ptr(), second.len()), (address, 123_400));
        assert!(Buffer::zeros(77).iter().all(|&value| value == 0.0));
    }
}

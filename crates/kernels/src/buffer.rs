//! Memory that is used again.
//!
//! A step asks for the same sizes as the step before. Large blocks that go back to the system come again as pages of
//! zeros, which costs as much as writing them once more; so what is dropped is kept for the next who asks for that size.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Values that nobody else holds. They begin as whatever the last user left, or 0.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
}

/// Kept blocks by their length.
#[derive(Default)]
struct Kept {
    blocks: HashMap<usize, Vec<Vec<f32>>>,
    values: usize,
}

/// Most values that are kept: 2 GiB.
const MOST: usize = 1 << 29;

/// Lengths are rounded up to a multiple of it, so that scratch of almost the same size is the same block.
const GRAIN: usize = 1024;

fn kept() -> &'static Mutex<Kept> {
    static KEPT: OnceLock<Mutex<Kept>> = OnceLock::new();
    KEPT.get_or_init(Mutex::default)
}

impl Buffer {
    /// `len` values of any content.
    pub fn new(len: usize) -> Self {
        let capacity = len.next_multiple_of(GRAIN);
        let mut kept = kept().lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.blocks.get_mut(&capacity).and_then(Vec::pop);
        if found.is_some() {
            kept.values -= capacity;
        }
        drop(kept);
        let mut values = found.unwrap_or_else(|| vec![0.0; capacity]);
        values.truncate(len);
        values.resize(len, 0.0);
        Buffer { values }
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
        let mut values = std::mem::take(&mut self.values);
        let capacity = values.len().next_multiple_of(GRAIN);
        if capacity == 0 || values.capacity() < capacity {
            return;
        }
        values.resize(capacity, 0.0);
        let mut kept = kept().lock().unwrap_or_else(PoisonError::into_inner);
        if kept.values + capacity <= MOST {
            kept.values += capacity;
            kept.blocks.entry(capacity).or_default().push(values);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
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

//! Memory that is used again.
//!
//! A step asks for the same sizes as the step before. Large blocks that go back to the system come again as pages of
//! zeros, which costs as much as writing them once more; so what is dropped is kept for the next who asks for that size.
//! Used and kept blocks together are never more than were used at once, and [`give_back`] lets all that is kept go.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Blocks by their number of lines.
#[derive(Debug)]
struct Pool {
    kept: BTreeMap<usize, Vec<Vec<Line>>>,
    kept_lines: usize,
    used_lines: usize,
    /// The most that were used at once.
    most_lines: usize,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { kept: BTreeMap::new(), kept_lines: 0, used_lines: 0, most_lines: 0 });

/// Blocks are a multiple of it, so that scratch of almost the same size is the same block.
const GRAIN: usize = 64;

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of all blocks that nobody uses, and forgets how many were ever used at once.
pub fn give_back() {
    let mut pool = pool();
    let kept = std::mem::take(&mut pool.kept);
    (pool.kept_lines, pool.most_lines) = (0, pool.used_lines);
    drop(pool);
    drop(kept);
}

impl Pool {
    /// A block of `count` lines or at most an eighth more: batches of about the same size share theirs.
    fn take(&mut self, count: usize) -> Option<Vec<Line>> {
        let (&size, blocks) = self.kept.range_mut(count..=count + count / 8).next()?;
        let block = blocks.pop();
        if blocks.is_empty() {
            self.kept.remove(&size);
        }
        self.kept_lines -= block.as_ref().map_or(0, Vec::len);
        block
    }

    /// Counts a block as used. What there is too much of then, the largest blocks first.
    fn used(&mut self, count: usize) -> Vec<Vec<Line>> {
        self.used_lines += count;
        self.most_lines = self.most_lines.max(self.used_lines);
        let mut surplus = Vec::new();
        while self.used_lines + self.kept_lines > self.most_lines {
            let Some((&largest, _)) = self.kept.last_key_value() else { break };
            surplus.extend(self.take(largest));
        }
        surplus
    }

    fn keep(&mut self, block: Vec<Line>) {
        self.used_lines -= block.len();
        self.kept_lines += block.len();
        self.kept.entry(block.len()).or_default().push(block);
    }
}

impl Buffer {
    /// `len` values of any content.
    pub fn new(len: usize) -> Self {
        let count = len.div_ceil(LINE).next_multiple_of(GRAIN);
        let mut pool = pool();
        let found = pool.take(count);
        let surplus = pool.used(found.as_ref().map_or(count, Vec::len));
        drop(pool);
        // Before there is a new block.
        drop(surplus);
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
        pool().keep(std::mem::take(&mut self.lines));
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

    #[test]
    fn no_more_is_kept_than_was_used_at_once() {
        let block = |lines: usize| vec![Line([0.0; LINE]); lines];
        let mut pool = Pool { kept: BTreeMap::new(), kept_lines: 0, used_lines: 0, most_lines: 0 };
        assert!(pool.used(100).is_empty());
        pool.keep(block(100));
        assert_eq!((pool.take(80).is_none(), pool.take(101).is_none()), (true, true));
        // Another size: what is kept makes room.
        assert_eq!(pool.used(50).len(), 1);
        pool.keep(block(50));
        assert!(pool.used(40).is_empty());
        pool.keep(block(40));
        assert_eq!((pool.kept_lines, pool.used_lines, pool.most_lines), (90, 0, 100));
        assert_eq!(pool.take(36).map(|block| block.len()), Some(40));
    }
}

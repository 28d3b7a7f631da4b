//! Packed images as tiles read them: as they are, or with the pixels of a channel side by side, `[block][channel][pixel]`, where
//! tiles are faster so. They are turned once for all rows of the kernel and all channels out.

use super::super::tile::{GAP, LINE};
use super::pack::Blocks;
use crate::Buffer;
use crate::simd::Simd;
use crate::simd::tile::Tile;

/// Room for blocks of `ROWS` channels that are turned.
pub(super) struct Turned<const ROWS: usize> {
    values: Buffer,
    /// Slots from channel to channel.
    width: usize,
    /// Slots from block to block.
    step: usize,
}

impl<const ROWS: usize> Turned<ROWS> {
    /// For so many blocks of so many pixels, or pairs of them.
    pub(super) fn new<S: Simd>(blocks: usize, pixels: usize) -> Self {
        let width = pixels.next_multiple_of(LINE);
        let step = width * ROWS + GAP;
        Turned { values: Buffer::new(if S::Tile::TURNS { blocks * step } else { 0 }), width, step }
    }

    /// Turns so many pixels of all blocks, if that is worth it.
    ///
    /// # Safety
    /// The instruction set is there; the blocks have the pixels, and there is room for them.
    #[inline(always)]
    pub(super) unsafe fn fill<S: Simd>(&mut self, from: &Blocks, pixels: usize) {
        if !S::Tile::TURNS || pixels == 0 {
            return;
        }
        debug_assert!(pixels <= self.width && from.count() * self.step <= self.values.len());
        for block in 0..from.count() {
            // SAFETY: the caller's.
            unsafe {
                let to = self.values.as_mut_ptr().add(block * self.step);
                S::Tile::turn((from.at(block, 0), ROWS), [pixels, ROWS], (to, self.width));
            }
        }
    }

    /// Where the rows of a tile begin that multiplies a block from a pixel on, and how far apart its pixels are.
    ///
    /// # Safety
    /// Both are there.
    #[inline(always)]
    pub(super) unsafe fn rows<S: Simd>(
        &self,
        from: &Blocks,
        block: usize,
        pixel: usize,
    ) -> ([*const f32; ROWS], usize) {
        // SAFETY: the caller's.
        let (start, by_row, step) = unsafe {
            match S::Tile::TURNS {
                true => (self.values.as_ptr().add(block * self.step + pixel), self.width, 1),
                false => (from.at(block, pixel), 1, ROWS),
            }
        };
        let mut rows = [start; ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = row.wrapping_add(index * by_row);
        }
        (rows, step)
    }
}

//! Tiles of target pixels: each sums, over its taps, rows of the source times a panel of weights.

use std::ops::Range;

use super::output::Sink;
use super::soon::Soon;
use super::table::{NONE, Table};
use super::tile::{self, LINE, Sums, TALLEST, WIDEST};
use crate::Buffer;
use crate::simd::{Kernel, Simd};

/// About as many products of a tile are summed between two visits of its sums: a panel of so many rows stays in the
/// first-level cache (384 x 16 x 4 bytes are three quarters of it) while it meets all tiles of a task.
const DEPTH: usize = 384;

/// A group of images with everything that their tiles need.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a> {
    pub(super) table: &'a Table,
    pub(super) taps: usize,
    /// Channels of the source, or pairs of them.
    pub(super) channels: usize,
    /// Slots from pixel to pixel of the source.
    pub(super) pitch: usize,
    /// The group's part of the source.
    pub(super) source: &'a [f32],
    /// As many zeros.
    pub(super) zeros: &'a [f32],
    /// Packed weights.
    pub(super) weights: &'a [f32],
    pub(super) sink: Sink<'a>,
    /// The group's first pixel of the result.
    pub(super) first: usize,
}

/// Some tiles and panels of a group.
pub(super) struct Part<'a> {
    pub(super) gather: Gather<'a>,
    pub(super) tiles: Range<usize>,
    pub(super) panels: Range<usize>,
    pub(super) soon: Soon,
}

/// A range of the sum that runs over taps and channels.
struct Stretch {
    taps: Range<usize>,
    channels: Range<usize>,
    first: bool,
    last: bool,
}

impl Stretch {
    /// Rows of weights.
    #[inline(always)]
    fn rows(&self) -> usize {
        self.taps.len() * self.channels.len()
    }
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Part { gather, tiles, panels, mut soon } = self;
        let size = ROWS * 2 * S::LANES;
        let mut edge = [0.0f32; TALLEST * WIDEST];
        // The sums of a panel between two stretches.
        let several = gather.stretches().nth(1).is_some();
        let mut partial: Buffer = Buffer::new(if several { tiles.len() * size } else { 0 });
        for panel in panels {
            for stretch in gather.stretches() {
                for (nth, tile) in tiles.clone().enumerate() {
                    let next = gather.ahead::<S>(&stretch, panel, nth);
                    let ahead = soon.next(stretch.rows() * LINE).unwrap_or(next);
                    let sums = match several {
                        true => partial.as_mut_ptr().wrapping_add(nth * size),
                        false => edge.as_mut_ptr(),
                    };
                    // SAFETY: called with the instruction set; sizes were checked where the gather was made.
                    unsafe {
                        // A few pixels alone, as at the end of an image of 7x7, are not worth a whole tile.
                        match (gather.table.is_low(tile), ROWS) {
                            (true, 14) => gather.tile::<S, 7>(&stretch, [tile, panel], ahead, sums),
                            (true, 6) => gather.tile::<S, 3>(&stretch, [tile, panel], ahead, sums),
                            _ => gather.tile::<S, ROWS>(&stretch, [tile, panel], ahead, sums),
                        }
                    };
                }
            }
        }
    }
}

impl Gather<'_> {
    /// The sum in parts: several taps with all their channels, or one tap with some.
    fn stretches(&self) -> impl Iterator<Item = Stretch> {
        let parts = self.channels.div_ceil(DEPTH);
        let step = self.channels.div_ceil(parts);
        let at_once = (DEPTH / step).clamp(1, self.taps);
        let groups = if parts > 1 { self.taps } else { self.taps.div_ceil(at_once) };
        let (taps, channels, all) = (self.taps, self.channels, groups * parts);
        (0..all).map(move |index| {
            let (group, part) = (index / parts, index % parts);
            Stretch {
                taps: group * taps / groups..(group + 1) * taps / groups,
                channels: part * step..channels.min((part + 1) * step),
                first: index == 0,
                last: index + 1 == all,
            }
        })
    }

    /// Where the weights behind these are, that the tile `nth` asks for: of a batch of one they are in no cache, and the first
    /// tile would wait for all of them while the others wait for none.
    #[inline(always)]
    fn ahead<S: Simd>(&self, stretch: &Stretch, panel: usize, nth: usize) -> *const f32 {
        let first = (panel * self.taps + stretch.taps.start) * self.channels + stretch.channels.start;
        let rows = stretch.rows();
        self.weights.as_ptr().wrapping_add((first + rows) * 2 * S::LANES + nth * rows * LINE)
    }

    /// # Safety
    /// The instruction set is there; the table's pixels are in source and result, the weights have the panel, and `partial`
    /// has room for the sums of a tile.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(
        &self,
        stretch: &Stretch,
        [tile, panel]: [usize; 2],
        mut ahead: *const f32,
        partial: *mut f32,
    ) {
        let mask = (u64::MAX >> (64 - stretch.taps.len())) << stretch.taps.start;
        let mut active = self.table.active(tile) & mask;
        if active == 0 && !stretch.first && !stretch.last {
            return;
        }
        let mut rows = [partial; ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = row.wrapping_add(index * 2 * S::LANES);
        }
        // SAFETY: the caller's.
        let mut sums = unsafe {
            match stretch.first {
                true => tile::zeros::<S, ROWS>(),
                false => tile::load::<S, ROWS>(&rows),
            }
        };
        while active != 0 {
            let tap = active.trailing_zeros() as usize;
            active &= active - 1;
            // SAFETY: the caller's.
            unsafe { self.tap::<S, ROWS>(stretch, [tile, panel], tap, ahead, &mut sums) };
            ahead = ahead.wrapping_add(stretch.channels.len() * LINE);
        }
        if !stretch.last {
            // SAFETY: the caller's.
            unsafe { tile::store::<S, ROWS>(&rows, &sums) };
            return;
        }
        let (targets, column) = (self.table.targets(tile), panel * 2 * S::LANES);
        let place = |row: usize| self.first + targets[row] as usize;
        // SAFETY: the caller's.
        unsafe {
            if targets[ROWS - 1] != NONE
                && let Some(sums) = tile::vectors::<S, ROWS>(&sums)
                && self.sink.store_tile::<S, ROWS>(sums, column, place)
            {
                return;
            }
            // Not in registers: which are there is known only now.
            tile::store::<S, ROWS>(&rows, &sums);
            for row in (0..ROWS).filter(|&row| targets[row] != NONE) {
                let sums = [S::load(rows[row]), S::load(rows[row].add(S::LANES))];
                self.sink.put::<S, 2>(sums, place(row), column);
            }
        }
    }

    /// Adds a tap's products.
    ///
    /// # Safety
    /// As [`Gather::tile`].
    #[inline(always)]
    unsafe fn tap<S: Simd, const ROWS: usize>(
        &self,
        stretch: &Stretch,
        [tile, panel]: [usize; 2],
        tap: usize,
        ahead: *const f32,
        sums: &mut Sums<S, ROWS>,
    ) {
        let first = stretch.channels.start;
        let sources = self.table.sources(tile, tap);
        let mut rows = [self.zeros.as_ptr(); ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            if sources[index] != NONE {
                // SAFETY: the table's pixels are in the source.
                *row = unsafe { self.source.as_ptr().add(sources[index] as usize * self.pitch + first) };
            }
        }
        let at = ((panel * self.taps + tap) * self.channels + first) * 2 * S::LANES;
        // SAFETY: a row has `channels` values from `first` on; the panel has as many rows of weights.
        unsafe {
            let weights = self.weights.as_ptr().add(at);
            tile::multiply::<S, ROWS>(sums, (&rows, 1), weights, stretch.channels.len(), ahead);
        }
    }
}

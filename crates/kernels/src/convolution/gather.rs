//! Tiles of target pixels: each sums, over its taps, rows of the source times a panel of weights.

use std::ops::Range;

use super::Output;
use super::soon::Soon;
use super::table::{NONE, Table};
use super::tile::{self, LINE, Sums, WIDEST};
use crate::shared::Shared;
use crate::simd::{Kernel, Simd};

/// The tallest tile of any instruction set, for tiles at an edge.
const MOST_ROWS: usize = 16;

/// About as many products of a tile are summed between two visits of the result: a panel of so many rows stays in the
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
    /// Channels of the target.
    pub(super) columns: usize,
    /// The group's part of the source.
    pub(super) source: &'a [f32],
    /// As many zeros.
    pub(super) zeros: &'a [f32],
    /// Packed weights.
    pub(super) weights: &'a [f32],
    /// The group's part.
    pub(super) output: Output<'a>,
    pub(super) target: Shared,
    /// Where the group's part of the target begins.
    pub(super) offset: usize,
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
        let mut edge = [0.0f32; MOST_ROWS * WIDEST];
        for stretch in gather.stretches() {
            for panel in panels.clone() {
                for tile in tiles.clone() {
                    let next = gather.ahead::<S>(&stretch, panel, tile - tiles.start);
                    let ahead = soon.next(stretch.rows() * LINE).unwrap_or(next);
                    // SAFETY: called with the instruction set; sizes were checked where the gather was made.
                    unsafe { gather.tile::<S, ROWS>(&stretch, [tile, panel], ahead, &mut edge) };
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

    /// Where the weights of the next panel are, that the tile `nth` of this one asks for: of a batch of one they are in no
    /// cache, and the first tile would wait for all of them while the others wait for none.
    #[inline(always)]
    fn ahead<S: Simd>(&self, stretch: &Stretch, panel: usize, nth: usize) -> *const f32 {
        let first = ((panel + 1) * self.taps + stretch.taps.start) * self.channels + stretch.channels.start;
        let rows = stretch.rows();
        self.weights.as_ptr().wrapping_add(first * 2 * S::LANES + nth * rows * LINE)
    }

    /// # Safety
    /// The instruction set is there; the table's pixels are in source and target, the weights have the panel.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize>(
        &self,
        stretch: &Stretch,
        [tile, panel]: [usize; 2],
        mut ahead: *const f32,
        edge: &mut [f32; MOST_ROWS * WIDEST],
    ) {
        let mask = (u64::MAX >> (64 - stretch.taps.len())) << stretch.taps.start;
        let mut active = self.table.active(tile) & mask;
        if active == 0 && !stretch.first && !stretch.last {
            return;
        }
        let width = 2 * S::LANES;
        let column = panel * width;
        let valid = width.min(self.columns - column);
        let targets = self.table.targets(tile);
        let whole = valid == width && targets[ROWS - 1] != NONE;
        let mut rows = [edge.as_mut_ptr(); ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            // SAFETY: a target pixel's channels are in the target; an edge tile has room for all rows.
            *row = unsafe {
                match whole {
                    true => self.target.at(self.place(targets[index], column)),
                    false => edge.as_mut_ptr().add(index * width),
                }
            };
        }
        if !whole && !stretch.first {
            // SAFETY: the tile is this task's own.
            unsafe { self.fetch(targets, column, valid, width, edge) };
        }
        // SAFETY: rows of the target or of the edge tile.
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
        // SAFETY: as above.
        unsafe { tile::store::<S, ROWS>(&rows, &sums) };
        if stretch.last && !self.output.is_nothing() {
            for (row, &target) in rows.iter().zip(targets).filter(|&(_, &target)| target != NONE) {
                // SAFETY: `valid` values stand at each row.
                let values = unsafe { std::slice::from_raw_parts_mut(*row, valid) };
                self.output.finish(values, target as usize * self.columns + column, column);
            }
        }
        if !whole {
            // SAFETY: as above.
            unsafe { self.put(targets, column, valid, width, edge) };
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

    /// Index in the target of a channel of the group's pixel.
    #[inline(always)]
    fn place(&self, pixel: u32, column: usize) -> usize {
        self.offset + pixel as usize * self.columns + column
    }

    /// Copies a tile that is not whole from the target.
    ///
    /// # Safety
    /// The tile is the caller's own.
    unsafe fn fetch(&self, targets: &[u32], column: usize, valid: usize, width: usize, edge: &mut [f32]) {
        for (row, &target) in targets.iter().enumerate().filter(|&(_, &target)| target != NONE) {
            // SAFETY: the pixel's channels are in the target, and nobody else's.
            let from = unsafe { self.target.part(self.place(target, column), valid) };
            edge[row * width..][..valid].copy_from_slice(from);
        }
    }

    /// Copies it back.
    ///
    /// # Safety
    /// As [`Gather::fetch`].
    unsafe fn put(&self, targets: &[u32], column: usize, valid: usize, width: usize, edge: &[f32]) {
        for (row, &target) in targets.iter().enumerate().filter(|&(_, &target)| target != NONE) {
            // SAFETY: the pixel's channels are in the target, and nobody else's.
            let to = unsafe { self.target.part(self.place(target, column), valid) };
            to.copy_from_slice(&edge[row * width..][..valid]);
        }
    }
}

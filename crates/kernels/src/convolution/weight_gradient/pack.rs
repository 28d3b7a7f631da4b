//! Both sides of the sum over pixels in the order in which the innermost loop reads them: the channels in as
//! `[block][pixel][row]`, those out as `[panel][pixel][column]`. In bfloat16 two pixels of a row stand side by side in each row
//! and column; what is outside an image is 0.
//!
//! Whole vectors are moved: what stands behind the last channel goes along, into sums that nobody reads.

use std::ops::Range;

use super::super::tile::GAP;
use super::Task;
use super::rows::{Band, Rows};
use crate::Buffer;
use crate::format::{Factors, Format, as_halves, as_halves_mut};
use crate::simd::Simd;

/// Packed blocks or panels.
pub(super) struct Blocks {
    values: Buffer,
    /// Channels, whole pieces.
    channels: usize,
    /// Channels of a block.
    piece: usize,
    /// Slots from block to block.
    step: usize,
}

impl Blocks {
    /// Room for so many pixels, or pairs of them, of so many channels.
    pub(super) fn new(channels: usize, piece: usize, pixels: usize) -> Self {
        let step = pixels * piece + GAP;
        Blocks { values: Buffer::new(channels / piece * step), channels, piece, step }
    }

    pub(super) fn count(&self) -> usize {
        self.channels / self.piece
    }

    /// Where a pixel of a block begins.
    ///
    /// # Safety
    /// Both are there.
    #[inline(always)]
    pub(super) unsafe fn at(&self, block: usize, pixel: usize) -> *const f32 {
        debug_assert!(block * self.step + (pixel + 1) * self.piece <= self.values.len());
        // SAFETY: the caller's.
        unsafe { self.values.as_ptr().add(block * self.step + pixel * self.piece) }
    }

    /// Values of a pixel that are read to pack it.
    fn reach<S: Simd>(&self) -> usize {
        self.channels - self.piece + self.piece.next_multiple_of(S::LANES)
    }

    /// Calls `each` with the first channel and the slot of each vector of a pixel. The last vector of a piece reaches over
    /// the pixel behind, which is written later, or over the gap.
    #[inline(always)]
    fn vectors<S: Simd>(&mut self, pixel: usize, mut each: impl FnMut(usize, *mut f32)) {
        for (block, from) in (0..self.channels).step_by(self.piece).enumerate() {
            for at in (0..self.piece).step_by(S::LANES) {
                let to = block * self.step + pixel * self.piece + at;
                debug_assert!(to + S::LANES <= self.values.len());
                // SAFETY: inside the blocks.
                each(from + at, unsafe { self.values.as_mut_ptr().add(to) });
            }
        }
    }

    /// Copies a pixel's channels.
    ///
    /// # Safety
    /// The instruction set is there, and [`Blocks::reach`] values in `row`.
    #[inline(always)]
    unsafe fn copy<S: Simd>(&mut self, pixel: usize, row: &[f32]) {
        debug_assert!(row.len() >= self.reach::<S>());
        // SAFETY: the caller's.
        self.vectors::<S>(pixel, |from, to| unsafe { S::store(to, S::load(row.as_ptr().add(from))) });
    }

    /// Puts the channels of two pixels side by side.
    ///
    /// # Safety
    /// As [`Blocks::copy`].
    #[inline(always)]
    unsafe fn pair<S: Simd>(&mut self, pixel: usize, [low, high]: [&[u16]; 2]) {
        debug_assert!(low.len().min(high.len()) >= self.reach::<S>());
        // SAFETY: as above.
        self.vectors::<S>(pixel, |from, to| unsafe {
            S::store(to, S::pair(low.as_ptr().add(from), high.as_ptr().add(from)));
        });
    }
}

/// How a task packs.
pub(super) struct Packing<'a> {
    task: &'a Task<'a>,
    rows: &'a Rows,
    /// The first channels, in and out.
    channels: [usize; 2],
    /// Zeros for what is outside.
    zeros: Buffer,
    /// Room for the last pixels' channels with something behind them.
    spare: [Buffer; 2],
}

impl<'a> Packing<'a> {
    pub(super) fn new<S: Simd>(
        task: &'a Task<'a>,
        rows: &'a Rows,
        channels: [&Range<usize>; 2],
        blocks: [&Blocks; 2],
    ) -> Self {
        let reach = blocks.map(Blocks::reach::<S>);
        let reach = reach[0].max(reach[1]);
        let spare = [(); 2].map(|()| Buffer::new(reach));
        Packing {
            task,
            rows,
            channels: channels.map(|range| range.start),
            zeros: Buffer::zeros(reach),
            spare,
        }
    }

    /// Packs rows of the gradient.
    ///
    /// # Safety
    /// The instruction set is there; `to` has room for the rows.
    #[inline(always)]
    pub(super) unsafe fn gradients<S: Simd>(&mut self, band: &Band<'_>, to: &mut Blocks) {
        let (width, channels, first) = (self.rows.width(), self.task.split.outputs, self.channels[1]);
        let place = |row: usize, column: usize| (column < width).then_some(row * width + column);
        // SAFETY: the caller's.
        unsafe {
            match self.task.dy {
                Factors::Float32(dy) => {
                    let pixel = |pixel: usize| &dy[pixel * channels + first..];
                    self.values::<S>(band.targets.clone(), place, pixel, to);
                }
                Factors::Bfloat16(dy) => {
                    let stride = 2 * Format::Bfloat16.slots(channels);
                    let pixel = |pixel: usize| &dy.halves()[pixel * stride + first..];
                    self.halves::<S>(band.targets.clone(), place, pixel, to);
                }
            }
        }
    }

    /// Packs rows of the images as a column of the kernel sees them.
    ///
    /// # Safety
    /// As [`Packing::gradients`].
    #[inline(always)]
    pub(super) unsafe fn images<S: Simd>(&mut self, band: &Band<'_>, column: usize, to: &mut Blocks) {
        let Task { x, split, .. } = *self.task;
        let (rows, first) = (self.rows, self.channels[0]);
        let place = |row: usize, target: usize| {
            (target < rows.width()).then(|| rows.pixel(row, target, column)).flatten()
        };
        let sources = band.sources().iter().copied();
        // SAFETY: the caller's.
        unsafe {
            match x {
                Factors::Float32(x) => {
                    let pixel = |pixel: usize| &x[pixel * split.inputs + first..];
                    self.values::<S>(sources, place, pixel, to);
                }
                Factors::Bfloat16(x) => {
                    let stride = 2 * Format::Bfloat16.slots(split.inputs);
                    let pixel = |pixel: usize| &x.halves()[pixel * stride + first..];
                    self.halves::<S>(sources, place, pixel, to);
                }
            }
        }
    }

    /// Packs the pixels of rows: `place` says which a column is, `pixel` gives its channels and what is behind.
    ///
    /// # Safety
    /// As [`Packing::gradients`].
    #[inline(always)]
    unsafe fn values<'b, S: Simd>(
        &mut self,
        rows: impl Iterator<Item = usize>,
        place: impl Fn(usize, usize) -> Option<usize>,
        pixel: impl Fn(usize) -> &'b [f32],
        to: &mut Blocks,
    ) {
        let (width, zeros) = (self.rows.width(), &self.zeros[..]);
        let [spare, _] = &mut self.spare;
        for (index, row) in rows.enumerate() {
            for column in 0..width {
                let from = place(row, column).map_or(zeros, |place| pixel(place));
                // SAFETY: the caller's.
                unsafe { to.copy::<S>(index * width + column, within(from, spare)) };
            }
        }
    }

    /// The same of pairs.
    ///
    /// # Safety
    /// As [`Packing::gradients`].
    #[inline(always)]
    unsafe fn halves<'b, S: Simd>(
        &mut self,
        rows: impl Iterator<Item = usize>,
        place: impl Fn(usize, usize) -> Option<usize>,
        pixel: impl Fn(usize) -> &'b [u16],
        to: &mut Blocks,
    ) {
        let line = Format::Bfloat16.slots(self.rows.width());
        let reach = self.zeros.len();
        let zeros = &as_halves(&self.zeros)[..reach];
        let [low, high] = self.spare.each_mut().map(|spare| &mut as_halves_mut(spare)[..reach]);
        for (index, row) in rows.enumerate() {
            for slot in 0..line {
                let [even, odd] =
                    [0, 1].map(|half| place(row, 2 * slot + half).map_or(zeros, |place| pixel(place)));
                // SAFETY: the caller's.
                unsafe {
                    to.pair::<S>(index * line + slot, [within(even, low), within(odd, high)]);
                }
            }
        }
    }
}

/// The channels, or where they are the last of all, too near to the end to read whole vectors, a copy in `spare`.
#[inline(always)]
fn within<'a, T: Copy + Default>(row: &'a [T], spare: &'a mut [T]) -> &'a [T] {
    if row.len() >= spare.len() {
        return row;
    }
    let (copy, behind) = spare.split_at_mut(row.len());
    copy.copy_from_slice(row);
    behind.fill(T::default());
    spare
}

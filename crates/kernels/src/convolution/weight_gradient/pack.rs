//! Both sides of the sum over pixels in the order in which the innermost loop reads them: the channels in as
//! `[block][pixel][row]`, those out as `[panel][pixel][column]`. In bfloat16 two pixels stand side by side in each row and
//! column; behind an odd number of them is a pixel of zeros.
//!
//! Whole vectors are moved: what stands behind the last channel goes along, into sums that nobody reads.

use std::ops::Range;

use super::{DEPTH, GAP, Pairs, Task};
use crate::Buffer;
use crate::format::{Factors, Format, round};
use crate::simd::Simd;

/// What a task packs.
pub(super) struct Packing<'a> {
    pub(super) task: &'a Task<'a>,
    pub(super) pairs: &'a Pairs,
    /// In and out, filled up to whole tiles.
    pub(super) channels: [&'a Range<usize>; 2],
}

impl Packing<'_> {
    /// Packs `count` pairs from the `next`. Both blocks have room for [`DEPTH`] rows.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd, const ROWS: usize>(
        &self,
        next: usize,
        count: usize,
        [left, right]: [&mut [f32]; 2],
    ) {
        let [inputs, outputs] = self.channels.map(Range::len);
        let width = 2 * S::LANES;
        let steps = [DEPTH * ROWS + GAP, DEPTH * width + GAP];
        let (left, right) =
            (Blocks::new(left, inputs, ROWS, steps[0]), Blocks::new(right, outputs, width, steps[1]));
        // SAFETY: the caller's.
        unsafe {
            match self.task.dy {
                Factors::Float32(dy) => self.values::<S>(dy, next, count, [left, right]),
                Factors::Bfloat16(dy) => self.halves::<S>(dy.halves(), next, count, [left, right]),
            }
        }
    }

    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn values<S: Simd>(&self, dy: &[f32], next: usize, count: usize, [left, right]: [Blocks; 2]) {
        let Task { convolution, source: images, x, split, .. } = self.task;
        let (x, [inputs, outputs]) = (x.slots(), self.channels.map(|channels| channels.start));
        let mut unfolded = Buffer::new(if convolution.is_unfolded() { split.inputs } else { 0 });
        let mut spare = [left, right].map(|side| vec![0.0; side.reach::<S>()]);
        let mut place = self.pairs.at(next);
        for pixel in 0..count {
            let (source, target) = self.pairs.pixels(place);
            let row = match convolution.is_unfolded() {
                true => {
                    convolution.unfold(*images, x, target, &mut unfolded);
                    &unfolded[inputs..]
                }
                false => &x[source * split.inputs + inputs..],
            };
            // SAFETY: the caller's.
            unsafe {
                left.copy::<S>(pixel, within(row, &mut spare[0]));
                right.copy::<S>(pixel, within(&dy[target * split.outputs + outputs..], &mut spare[1]));
            }
            place = self.pairs.after(place);
        }
    }

    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn halves<S: Simd>(&self, dy: &[u16], next: usize, count: usize, [left, right]: [Blocks; 2]) {
        let split = self.task.split;
        let [inputs, outputs] = self.channels.map(|channels| channels.start);
        let strides = [split.inputs, split.outputs].map(|channels| 2 * Format::Bfloat16.slots(channels));
        let mut unfolded = [vec![0; split.inputs], vec![0; split.inputs]];
        let mut spare = [left, left, right, right].map(|side| vec![0; side.reach::<S>()]);
        let mut place = self.pairs.at(next);
        for pair in 0..count.div_ceil(2) {
            let (mut from, mut gradients) = ([&[][..]; 2], [&[][..]; 2]);
            for (half, under) in unfolded.iter_mut().enumerate().take(count - 2 * pair) {
                let (source, target) = self.pairs.pixels(place);
                from[half] = match self.task.x {
                    Factors::Float32(x) => {
                        self.unfold(x, target, under);
                        &under[inputs..]
                    }
                    Factors::Bfloat16(x) => &x.halves()[source * strides[0] + inputs..],
                };
                gradients[half] = &dy[target * strides[1] + outputs..];
                place = self.pairs.after(place);
            }
            let [even, odd, even_out, odd_out] = &mut spare;
            // SAFETY: the caller's.
            unsafe {
                left.pair::<S>(pair, [within(from[0], even), within(from[1], odd)]);
                right.pair::<S>(pair, [within(gradients[0], even_out), within(gradients[1], odd_out)]);
            }
        }
    }

    /// What is under the kernel at a pixel, rounded.
    fn unfold(&self, x: &[f32], pixel: usize, to: &mut [u16]) {
        let mut values = Buffer::new(to.len());
        self.task.convolution.unfold(self.task.source, x, pixel, &mut values);
        to.iter_mut().zip(values.iter()).for_each(|(to, &value)| *to = round(value));
    }
}

/// Rows that are cut into pieces, each of which goes to a block of its own.
#[derive(Clone, Copy)]
struct Blocks {
    to: *mut f32,
    len: usize,
    /// Slots of a row, whole pieces.
    row: usize,
    piece: usize,
    /// Slots from block to block.
    step: usize,
}

impl Blocks {
    fn new(to: &mut [f32], row: usize, piece: usize, step: usize) -> Self {
        Blocks { to: to.as_mut_ptr(), len: to.len(), row, piece, step }
    }

    /// Values of a row that are read.
    fn reach<S: Simd>(self) -> usize {
        self.row - self.piece + self.piece.next_multiple_of(S::LANES)
    }

    /// Calls `each` with the first value and the slot of each vector of row `index`. The last vector of a piece reaches over
    /// the row behind, which is written later, or over the gap.
    #[inline(always)]
    fn vectors<S: Simd>(self, index: usize, mut each: impl FnMut(usize, *mut f32)) {
        for (block, from) in (0..self.row).step_by(self.piece).enumerate() {
            for at in (0..self.piece).step_by(S::LANES) {
                let to = block * self.step + index * self.piece + at;
                debug_assert!(to + S::LANES <= self.len);
                // SAFETY: inside the blocks.
                each(from + at, unsafe { self.to.add(to) });
            }
        }
    }

    /// Copies a row.
    ///
    /// # Safety
    /// The instruction set is there, and [`Blocks::reach`] values in `row`.
    #[inline(always)]
    unsafe fn copy<S: Simd>(self, index: usize, row: &[f32]) {
        debug_assert!(row.len() >= self.reach::<S>());
        // SAFETY: the caller's; nobody else has the blocks.
        self.vectors::<S>(index, |from, to| unsafe { S::store(to, S::load(row.as_ptr().add(from))) });
    }

    /// Puts two rows side by side.
    ///
    /// # Safety
    /// As [`Blocks::copy`].
    #[inline(always)]
    unsafe fn pair<S: Simd>(self, index: usize, [low, high]: [&[u16]; 2]) {
        debug_assert!(low.len().min(high.len()) >= self.reach::<S>());
        // SAFETY: as above.
        self.vectors::<S>(index, |from, to| unsafe {
            S::store(to, S::pair(low.as_ptr().add(from), high.as_ptr().add(from)));
        });
    }
}

/// The row, or where it is the last of all, too near to the end to read whole vectors, a copy in `spare`.
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

//! The gradient of the weights: products of transformed patches and transformed gradients, summed over patches.

use std::ops::Range;

use rayon::prelude::*;

use super::transform::{self, COLUMNS};
use super::{GAP, PRODUCTS, Patches, Planes, images};
use crate::convolution::weight_gradient::Split;
use crate::convolution::{Convolution, Images, tile};
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Path};

/// Patches that are transformed at a time.
const DEPTH: usize = 64;

/// Channels in and out of a task: its sums, and what they are summed from, stay in the second-level cache.
const INPUTS: usize = 64;
const OUTPUTS: usize = 128;

/// Fewest patches of a task.
const FEWEST: usize = 256;

/// Into `[output][input][tap]`.
pub(in crate::convolution) fn weight_gradient(
    convolution: &Convolution,
    path: Path,
    source: Images,
    [x, dy]: [&[f32]; 2],
    dw: &mut [f32],
) {
    let patches = Patches::of(source);
    let Convolution { input, output, .. } = *convolution;
    let split = Split::of(PRODUCTS, [input, output], [INPUTS, OUTPUTS], patches.count() / FEWEST);
    let mut partial = Buffer::new(split.sums * PRODUCTS * plane(convolution));
    let to = Shared::new(&mut partial);
    let zeros = Buffer::zeros(input);
    (0..split.tasks()).into_par_iter().for_each(|index| {
        simd::run(path, Task { convolution, patches, x, dy, zeros: &zeros, split: &split, index, to });
    });
    let width = simd::tile_columns(path);
    dw.par_chunks_mut(width * input * convolution.taps()).enumerate().for_each(|(panel, dw)| {
        simd::run(path, Gather { convolution, sums: split.sums, partial: &partial, panel, dw });
    });
}

/// Values from plane to plane of the sums, each `[panel][input][column]`.
fn plane(convolution: &Convolution) -> usize {
    convolution.input * convolution.output + GAP
}

/// One sum over patches: some channels in, some channels out.
struct Task<'a> {
    convolution: &'a Convolution,
    patches: Patches,
    x: &'a [f32],
    dy: &'a [f32],
    zeros: &'a [f32],
    split: &'a Split,
    index: usize,
    to: Shared,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let (sum, [inputs, outputs]) = self.split.task(self.index);
        let Convolution { input, output, .. } = *self.convolution;
        let width = 2 * S::LANES;
        let mut left = Planes::new(DEPTH, inputs.len());
        // A panel after the other, so that the innermost loop reads on.
        let mut right = Planes::new(outputs.len() / width * DEPTH, width);
        let all = self.patches.count();
        let (begin, end) = (all * sum / self.split.sums, all * (sum + 1) / self.split.sums);
        let corner = sum * PRODUCTS * plane(self.convolution)
            + outputs.start / width * input * width
            + inputs.start * width;
        for from in (begin..end).step_by(DEPTH) {
            let range = from..end.min(from + DEPTH);
            let next = self.patches.pixels(range.end..end.min(range.end + DEPTH));
            let mut soon = [
                Soon { from: self.x, channels: input, some: inputs.clone(), pixels: next.clone() },
                Soon { from: self.dy, channels: output, some: outputs.clone(), pixels: next },
            ];
            let sums = Sums { corner, first: from == begin, count: range.len() };
            // SAFETY: called with the instruction set; a task's sums are its own.
            unsafe {
                images::<S>(
                    self.patches,
                    range.clone(),
                    (self.x, input, inputs.clone()),
                    self.zeros,
                    &mut left,
                );
                self.gradients::<S>(range, &outputs, &mut right);
                // As tall as divides all channels.
                if ROWS > 8 {
                    self.add::<S, 8>([&left, &right], sums, &mut soon);
                } else {
                    self.add::<S, 4>([&left, &right], sums, &mut soon);
                }
            }
        }
    }
}

/// What products are added to.
struct Sums {
    /// The first of them.
    corner: usize,
    /// Whether they begin with these products.
    first: bool,
    /// Patches.
    count: usize,
}

/// Some channels of pixels that are asked for while products keep the processor busy.
struct Soon<'a> {
    from: &'a [f32],
    channels: usize,
    some: Range<usize>,
    pixels: Range<usize>,
}

impl Soon<'_> {
    /// Asks for one more.
    #[inline(always)]
    fn ask<S: Simd>(&mut self) {
        if let Some(pixel) = self.pixels.next() {
            let from = self.from.as_ptr().wrapping_add(pixel * self.channels);
            self.some.clone().step_by(tile::LINE).for_each(|channel| S::prefetch(from.wrapping_add(channel)));
        }
    }
}

impl Task<'_> {
    /// Transforms the gradients of some pixels.
    ///
    /// # Safety
    /// The instruction set is there; `to` has the rows.
    #[inline(always)]
    unsafe fn gradients<S: Simd>(&self, range: Range<usize>, outputs: &Range<usize>, to: &mut Planes) {
        let (channels, width) = (self.convolution.output, to.width);
        for (row, patch) in range.enumerate() {
            let pixels = self.patches.targets(patch);
            for column in (0..outputs.len()).step_by(S::LANES) {
                // SAFETY: the caller's; a pixel has the channels.
                unsafe {
                    let mut square = [[S::splat(0.0); 2]; 2];
                    for pixel in 0..4 {
                        if let Some(place) = pixels[pixel / 2][pixel % 2] {
                            let from = self.dy.as_ptr().add(place * channels + outputs.start + column);
                            square[pixel / 2][pixel % 2] = S::load(from);
                        }
                    }
                    let products = transform::gradients::<S>(square);
                    to.put::<S>(column / width * DEPTH + row, column % width, products);
                }
            }
        }
    }

    /// Adds the products of some patches.
    ///
    /// # Safety
    /// The instruction set is there, the planes hold the patches, and the sums are nobody else's.
    #[inline(always)]
    unsafe fn add<S: Simd, const ROWS: usize>(
        &self,
        [left, right]: [&Planes; 2],
        Sums { corner, first, count }: Sums,
        soon: &mut [Soon<'_>; 2],
    ) {
        let width = right.width;
        for product in 0..PRODUCTS {
            for panel in 0..(right.plane - GAP) / (DEPTH * width) {
                let corner =
                    corner + product * plane(self.convolution) + panel * self.convolution.input * width;
                for row in (0..left.width).step_by(ROWS) {
                    soon.iter_mut().for_each(Soon::ask::<S>);
                    // SAFETY: the caller's.
                    unsafe {
                        let mut to = [self.to.at(corner + row * width); ROWS];
                        let mut rows = [left.at(product, 0, row).cast_const(); ROWS];
                        for index in 0..ROWS {
                            to[index] = to[index].add(index * width);
                            rows[index] = rows[index].add(index);
                        }
                        let mut sums = match first {
                            true => tile::zeros::<S, ROWS>(),
                            false => tile::load::<S, ROWS>(&to),
                        };
                        let matrix = right.at(product, panel * DEPTH, 0).cast_const();
                        let ahead = to[ROWS - 1].wrapping_add(width);
                        tile::multiply::<S, ROWS>(&mut sums, (&rows, left.width), matrix, count, ahead);
                        tile::store::<S, ROWS>(&to, &sums);
                    }
                }
            }
        }
    }
}

/// Adds the partial sums of a panel, in their order, and transforms them back.
struct Gather<'a> {
    convolution: &'a Convolution,
    sums: usize,
    partial: &'a [f32],
    panel: usize,
    dw: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let (inputs, taps, width) = (self.convolution.input, self.convolution.taps(), 2 * S::LANES);
        for input in 0..inputs {
            for block in (0..width).step_by(COLUMNS) {
                let count = COLUMNS.min(width - block);
                let mut products = [[[0.0; COLUMNS]; 4]; 4];
                for sum in 0..self.sums * PRODUCTS {
                    let at = sum * plane(self.convolution) + (self.panel * inputs + input) * width + block;
                    let total = &mut products[sum % PRODUCTS / 4][sum % 4];
                    for (total, value) in total.iter_mut().zip(&self.partial[at..at + count]) {
                        *total += value;
                    }
                }
                let kernel = transform::weight_gradients(products);
                for (tap, values) in kernel.iter().flatten().enumerate() {
                    for (output, value) in values[..count].iter().enumerate() {
                        self.dw[((block + output) * inputs + input) * taps + tap] = *value;
                    }
                }
            }
        }
    }
}

//! The gradient of the first convolution's weights: for each row of the kernel, the values of a padded image's row times the
//! channels out. Values that the kernel meets one after the other lie a stride apart, so that the image is read as it is.

use rayon::prelude::*;

use crate::convolution::tile;
use crate::convolution::{Convolution, Images};
use crate::format::widen;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Path};

/// Rows of a tile: a kernel of 7x7 over three channels has 21 values in a row, one of 3x3 over one has 3.
const TALL: usize = 7;
const LOW: usize = 4;

/// Parts of the sum, by rows of the gradient; not by the number of threads.
const PARTS: usize = 16;

impl Convolution {
    /// Into `[output][input][tap]`.
    pub(in crate::convolution) fn stem_gradient(
        &self,
        path: Path,
        source: Images,
        x: &[f32],
        dy: Factors<'_>,
        dw: &mut [f32],
    ) {
        let (padded, x) = self.pad(source, x);
        let target = self.target(source);
        let width = simd::tile_columns(path);
        let line = (self.kernel * self.input)
            .next_multiple_of(if (self.kernel * self.input).is_multiple_of(7) { 7 } else { 4 });
        let columns = self.output.next_multiple_of(width);
        let part = self.kernel * line * columns;
        let mut partial = Buffer::zeros(PARTS * part);
        partial.par_chunks_exact_mut(part).enumerate().for_each(|(index, sums)| {
            simd::run(
                path,
                Task {
                    convolution: self,
                    padded,
                    target,
                    x: &x,
                    dy,
                    index,
                    line,
                    columns,
                    sums: Shared::new(sums),
                },
            );
        });
        dw.par_chunks_mut(self.input * self.taps()).enumerate().for_each(|(output, dw)| {
            for (place, dw) in dw.iter_mut().enumerate() {
                let (input, tap) = (place / self.taps(), place % self.taps());
                let row = tap / self.kernel * line + tap % self.kernel * self.input + input;
                *dw = partial.chunks_exact(part).map(|sums| sums[row * columns + output]).sum();
            }
        });
    }
}

/// A part of the sum: `[row of the kernel][value of a row][output]`.
struct Task<'a> {
    convolution: &'a Convolution,
    padded: Images,
    target: Images,
    x: &'a [f32],
    dy: Factors<'a>,
    index: usize,
    /// Values of a row under the kernel, whole tiles of them.
    line: usize,
    /// Channels out, whole tiles of them.
    columns: usize,
    sums: Shared,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let rows = self.target.count * self.target.height;
        let mut gradients = Buffer::zeros(self.target.width * self.columns);
        for row in rows * self.index / PARTS..rows * (self.index + 1) / PARTS {
            self.gather::<S>(row, &mut gradients);
            for tap in 0..self.convolution.kernel {
                // SAFETY: called with the instruction set; images are padded, and the sums are this task's own.
                unsafe {
                    match self.line % TALL {
                        0 => self.add::<S, TALL>(row, tap, &gradients),
                        _ => self.add::<S, LOW>(row, tap, &gradients),
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    /// A row of the gradient, panel after panel.
    #[inline(always)]
    fn gather<S: Simd>(&self, row: usize, to: &mut [f32]) {
        let (width, outputs, count) = (2 * S::LANES, self.convolution.output, self.target.width);
        for column in 0..count {
            let pixel = row * count + column;
            for (panel, first) in (0..outputs).step_by(width).enumerate() {
                let valid = width.min(outputs - first);
                let to = &mut to[(panel * count + column) * width..][..valid];
                match self.dy {
                    Factors::Float32(dy) => to.copy_from_slice(&dy[pixel * outputs + first..][..valid]),
                    Factors::Bfloat16(dy) => {
                        let dy = &dy.halves()[pixel * outputs.next_multiple_of(2) + first..];
                        to.iter_mut().zip(dy).for_each(|(to, &half)| *to = widen(half));
                    }
                }
            }
        }
    }

    /// Adds the products of a row of the kernel.
    ///
    /// # Safety
    /// The instruction set is there, and whole tiles are readable behind each row of the images.
    #[inline(always)]
    unsafe fn add<S: Simd, const ROWS: usize>(&self, row: usize, tap: usize, gradients: &[f32]) {
        let Convolution { input, stride, .. } = *self.convolution;
        let (width, count) = (2 * S::LANES, self.target.width);
        let (image, row) = (row / self.target.height, row % self.target.height);
        let line = (image * self.padded.height + row * stride + tap) * self.padded.width * input;
        for first in (0..self.line).step_by(ROWS) {
            for panel in 0..self.columns / width {
                let at = (tap * self.line + first) * self.columns + panel * width;
                // SAFETY: the caller's.
                unsafe {
                    let mut to = [self.sums.at(at); ROWS];
                    let mut rows = [self.x.as_ptr().add(line + first); ROWS];
                    for index in 0..ROWS {
                        to[index] = to[index].add(index * self.columns);
                        rows[index] = rows[index].add(index);
                    }
                    let mut sums = tile::load::<S, ROWS>(&to);
                    let matrix = gradients.as_ptr().add(panel * count * width);
                    tile::multiply::<S, ROWS>(&mut sums, (&rows, stride * input), matrix, count, matrix);
                    tile::store::<S, ROWS>(&to, &sums);
                }
            }
        }
    }
}

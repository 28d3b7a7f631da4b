//! The gradient of a 1x1 convolution's weights: of each pixel of the target, the channels in times the channels out.

use std::ops::Range;

use rayon::prelude::*;

use super::outer::{Pixels, Sides, Sums};
use super::planes::Planes;
use super::tile::{LINE, WIDEST};
use super::{Convolution, Images};
use crate::Path;
use crate::format::Factors;
use crate::simd::{self, Kernel, Simd};

impl Convolution {
    /// Whether this form of the weights' gradient is there: for channels that fill tiles of every instruction set.
    pub(super) fn is_pointwise(&self) -> bool {
        let channels = [self.input, self.output].iter().all(|channels| channels % WIDEST == 0);
        self.kernel == 1 && self.padding == 0 && channels
    }

    /// Into `[output][input]`.
    pub(super) fn pointwise_gradient(
        &self,
        path: Path,
        source: Images,
        [x, dy]: [Factors<'_>; 2],
        dw: &mut [f32],
    ) {
        let target = self.target(source);
        let sums = Sums::of(path, dy.format(), &Pointwise { convolution: self, source, target, x, dy });
        let width = simd::tile_columns(path);
        dw.par_chunks_mut(width * self.input).enumerate().for_each(|(panel, dw)| {
            simd::run(path, Gather { sums: &sums, panel, inputs: self.input, dw });
        });
    }
}

/// Most channels of a task, in and out.
const GROUP: [usize; 2] = [128, 256];

/// Both sides: an item is a pixel of the target.
struct Pointwise<'a> {
    convolution: &'a Convolution,
    source: Images,
    target: Images,
    x: Factors<'a>,
    dy: Factors<'a>,
}

impl Pointwise<'_> {
    /// The pixel of the source under one of the target.
    #[inline(always)]
    fn under(&self, pixel: usize) -> usize {
        let stride = self.convolution.stride;
        if stride == 1 {
            return pixel;
        }
        let (row, column) = (pixel / self.target.width, pixel % self.target.width);
        let (image, row) = (row / self.target.height, row % self.target.height);
        (image * self.source.height + row * stride) * self.source.width + column * stride
    }
}

/// Copies some channels of pixels, side by side where they are pairs.
///
/// # Safety
/// The instruction set is there; all pixels are, and each has a place.
#[inline(always)]
unsafe fn copy<S: Simd>(
    (factors, all): (Factors<'_>, usize),
    (items, pixel): (Range<usize>, impl Fn(usize) -> usize),
    channels: &Range<usize>,
    to: impl Fn(usize, usize) -> *mut f32,
) {
    match factors {
        Factors::Float32(values) => {
            for (row, item) in items.enumerate() {
                // SAFETY: the caller's.
                unsafe {
                    let from = values.as_ptr().add(pixel(item) * all + channels.start);
                    for channel in (0..channels.len()).step_by(S::LANES) {
                        S::store(to(row, channel), S::load(from.add(channel)));
                    }
                }
            }
        }
        Factors::Bfloat16(halves) => {
            let (halves, zeros) = (halves.halves(), [0u16; GROUP[1]]);
            for (row, item) in items.clone().step_by(2).enumerate() {
                // SAFETY: the caller's.
                unsafe {
                    let low = halves.as_ptr().add(pixel(item) * all + channels.start);
                    let high = match item + 1 < items.end {
                        true => halves.as_ptr().add(pixel(item + 1) * all + channels.start),
                        false => zeros.as_ptr(),
                    };
                    for channel in (0..channels.len()).step_by(S::LANES) {
                        S::store(to(row, channel), S::pair(low.add(channel), high.add(channel)));
                    }
                }
            }
        }
    }
}

impl Sides for Pointwise<'_> {
    const PRODUCTS: usize = 1;
    const DEPTH: usize = 128;
    const GROUP: [usize; 2] = GROUP;

    fn channels(&self) -> [usize; 2] {
        [self.convolution.input, self.convolution.output]
    }

    fn items(&self) -> usize {
        self.target.pixels()
    }

    fn pixels(&self, items: Range<usize>) -> [Pixels; 2] {
        // Of a stride, too many are better than none.
        let under = self.under(items.start)..self.under(items.end);
        let Convolution { input, output, .. } = *self.convolution;
        [Pixels::of(self.x, input, under), Pixels::of(self.dy, output, items)]
    }

    #[inline(always)]
    unsafe fn left<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        let from = (self.x, self.convolution.input);
        // SAFETY: the caller's.
        unsafe {
            copy::<S>(from, (items, |item| self.under(item)), channels, |row, channel| {
                to.at(0, row, channel)
            });
        }
    }

    #[inline(always)]
    unsafe fn right<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        let (from, width) = ((self.dy, self.convolution.output), to.width());
        let rows = self.dy.format().slots(Self::DEPTH);
        // SAFETY: the caller's.
        unsafe {
            copy::<S>(from, (items, |item| item), channels, |row, channel| {
                to.at(0, channel / width * rows + row, channel % width)
            });
        }
    }
}

/// Turns the sums of a panel: `[output][input]`.
struct Gather<'a> {
    sums: &'a Sums,
    panel: usize,
    inputs: usize,
    dw: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        // A square at a time: rows of the result lie a power of two apart, and a cache has few places for the lines of all.
        for first in (0..self.inputs).step_by(LINE) {
            for block in (0..2 * S::LANES).step_by(LINE) {
                let mut square = [[0.0; LINE]; LINE];
                for input in 0..LINE {
                    let total: [f32; LINE] = self.sums.total([0, self.panel, first + input], block);
                    for output in 0..LINE {
                        square[output][input] = total[output];
                    }
                }
                for output in 0..LINE.min(2 * S::LANES) {
                    let at = (block + output) * self.inputs + first;
                    self.dw[at..at + LINE].copy_from_slice(&square[output]);
                }
            }
        }
    }
}

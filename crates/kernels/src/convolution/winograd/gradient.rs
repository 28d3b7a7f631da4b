//! The gradient of the weights: products of transformed patches and transformed gradients, summed over patches.

use std::ops::Range;

use rayon::prelude::*;

use super::squares::{Squares, column};
use super::transform::{self, Gradient, Image};
use super::{PRODUCTS, Patches};
use crate::convolution::outer::{Pixels, Sides, Sums};
use crate::convolution::planes::Planes;
use crate::convolution::tile::{LINE, WIDEST};
use crate::convolution::{Convolution, Images};
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Format, Path};

/// Into `[output][input][tap]`.
pub(in crate::convolution) fn weight_gradient(
    convolution: &Convolution,
    path: Path,
    source: Images,
    [x, dy]: [Factors<'_>; 2],
    dw: &mut [f32],
) {
    let (patches, format) = (Patches::of(source), dy.format());
    let Convolution { input, output, .. } = *convolution;
    let zeros = Buffer::zeros(input.max(output));
    let x = Squares { patches, from: x, channels: input, zeros: &zeros };
    let dy = Squares { patches, from: dy, channels: output, zeros: &zeros };
    let sums = Sums::of(path, format, &Transformed { convolution, x, dy });
    let width = simd::tile_columns(path);
    dw.par_chunks_mut(width * convolution.input * convolution.taps()).enumerate().for_each(|(panel, dw)| {
        simd::run(path, Gather { convolution, format, sums: &sums, panel, dw });
    });
}

/// Both sides: an item is a patch.
struct Transformed<'a> {
    convolution: &'a Convolution,
    x: Squares<'a>,
    dy: Squares<'a>,
}

impl Sides for Transformed<'_> {
    const PRODUCTS: usize = PRODUCTS;
    const DEPTH: usize = 128;
    const GROUP: [usize; 2] = [128, 128];

    fn channels(&self) -> [usize; 2] {
        [self.convolution.input, self.convolution.output]
    }

    fn items(&self) -> usize {
        self.x.patches.count()
    }

    fn pixels(&self, items: Range<usize>) -> [Pixels; 2] {
        let range = self.x.patches.pixels(items);
        [(self.x.from, self.convolution.input), (self.dy.from, self.convolution.output)]
            .map(|(from, channels)| Pixels::of(from, channels, range.clone()))
    }

    #[inline(always)]
    unsafe fn left<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        // SAFETY: the caller's.
        unsafe {
            self.x.by_patch::<S, 4, Image>(items, channels, |row, column| (row, column), to);
        }
    }

    #[inline(always)]
    unsafe fn right<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        let (rows, width) = (self.dy.from.format().slots(Self::DEPTH), to.width());
        let place = |row: usize, column: usize| (column / width * rows + row, column % width);
        // SAFETY: the caller's.
        unsafe {
            self.dy.by_patch::<S, 2, Gradient>(items, channels, place, to);
        }
    }
}

/// Weights of a kernel.
const TAPS: usize = 9;

/// Transforms the sums of a panel back.
struct Gather<'a> {
    convolution: &'a Convolution,
    format: Format,
    sums: &'a Sums,
    panel: usize,
    dw: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let (inputs, width) = (self.convolution.input, 2 * S::LANES);
        let column = |channel: usize| match self.format {
            Format::Float32 => channel,
            Format::Bfloat16 => column::<S>(channel),
        };
        // Some inputs at a time: rows of the result lie about a power of two apart, and a cache has few places for the lines of all.
        let mut square = [[[0.0f32; TAPS]; LINE]; WIDEST];
        for first in (0..inputs).step_by(LINE) {
            for input in 0..LINE {
                for block in (0..width).step_by(LINE) {
                    let mut products = [[[0.0; LINE]; 4]; 4];
                    for (product, total) in products.iter_mut().flatten().enumerate() {
                        *total = self.sums.total([product, self.panel, column(first + input)], block);
                    }
                    let kernel = transform::weight_gradients(products);
                    for output in 0..LINE.min(width) {
                        for tap in 0..TAPS {
                            square[block + output][input][tap] = kernel[tap / 3][tap % 3][output];
                        }
                    }
                }
            }
            for output in 0..width {
                let to = (output * inputs + first) * TAPS;
                self.dw[to..to + LINE * TAPS].copy_from_slice(square[column(output)].as_flattened());
            }
        }
    }
}

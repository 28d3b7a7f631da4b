//! The gradient of the weights: products of transformed patches and transformed gradients, summed over patches.

use std::ops::Range;

use rayon::prelude::*;

use super::transform::{self, COLUMNS};
use super::{PRODUCTS, Patches, images, put};
use crate::convolution::outer::{Pixels, Sides, Sums};
use crate::convolution::planes::Planes;
use crate::convolution::{Convolution, Images};
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Format, Path};

/// Into `[output][input][tap]`.
pub(in crate::convolution) fn weight_gradient(
    convolution: &Convolution,
    path: Path,
    source: Images,
    [x, dy]: [&[f32]; 2],
    dw: &mut [f32],
) {
    let zeros = Buffer::zeros(convolution.input);
    let sides = Transformed { convolution, patches: Patches::of(source), x, dy, zeros: &zeros };
    let sums = Sums::of(path, Format::Float32, &sides);
    let width = simd::tile_columns(path);
    dw.par_chunks_mut(width * convolution.input * convolution.taps()).enumerate().for_each(|(panel, dw)| {
        simd::run(path, Gather { convolution, sums: &sums, panel, dw });
    });
}

/// Both sides: an item is a patch.
struct Transformed<'a> {
    convolution: &'a Convolution,
    patches: Patches,
    x: &'a [f32],
    dy: &'a [f32],
    zeros: &'a [f32],
}

impl Sides for Transformed<'_> {
    const PRODUCTS: usize = PRODUCTS;
    const DEPTH: usize = 64;
    const GROUP: [usize; 2] = [64, 128];

    fn channels(&self) -> [usize; 2] {
        [self.convolution.input, self.convolution.output]
    }

    fn items(&self) -> usize {
        self.patches.count()
    }

    fn pixels(&self, items: Range<usize>) -> [Pixels; 2] {
        let range = self.patches.pixels(items);
        let pixels = |values: &[f32], slots| {
            let (from, format) = (values.as_ptr(), Format::Float32);
            Pixels { from, slots, format, range: range.clone() }
        };
        [pixels(self.x, self.convolution.input), pixels(self.dy, self.convolution.output)]
    }

    #[inline(always)]
    unsafe fn left<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        let from = (self.x, self.convolution.input, channels.clone());
        // SAFETY: the caller's.
        unsafe { images::<S>(self.patches, items, from, self.zeros, to) }
    }

    #[inline(always)]
    unsafe fn right<S: Simd>(&self, items: Range<usize>, channels: &Range<usize>, to: &mut Planes) {
        let (all, width) = (self.convolution.output, to.width());
        for (row, patch) in items.enumerate() {
            let pixels = self.patches.targets(patch);
            for column in (0..channels.len()).step_by(S::LANES) {
                // SAFETY: the caller's; a pixel has the channels.
                unsafe {
                    let mut square = [[S::splat(0.0); 2]; 2];
                    for pixel in 0..4 {
                        if let Some(place) = pixels[pixel / 2][pixel % 2] {
                            let from = self.dy.as_ptr().add(place * all + channels.start + column);
                            square[pixel / 2][pixel % 2] = S::load(from);
                        }
                    }
                    let products = transform::gradients::<S>(square);
                    put::<S>(to, column / width * Self::DEPTH + row, column % width, products);
                }
            }
        }
    }
}

/// Transforms the sums of a panel back.
struct Gather<'a> {
    convolution: &'a Convolution,
    sums: &'a Sums,
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
                let mut products = [[[0.0; COLUMNS]; 4]; 4];
                for (product, total) in products.iter_mut().flatten().enumerate() {
                    *total = self.sums.total([product, self.panel, input], block);
                }
                let kernel = transform::weight_gradients(products);
                for (tap, values) in kernel.iter().flatten().enumerate() {
                    for (output, value) in values[..COLUMNS.min(width)].iter().enumerate() {
                        self.dw[((block + output) * inputs + input) * taps + tap] = *value;
                    }
                }
            }
        }
    }
}

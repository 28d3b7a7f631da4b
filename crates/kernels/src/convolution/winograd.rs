//! A 3x3 convolution at stride 1 by Winograd's F(2x2, 3x3): four pixels of the target take 16 products of each pair of
//! channels where the sum has 36. Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015).
//!
//! - here: which convolutions it is worth for, and where patches are
//! - `transform`: what patches, weights and sums go through, one line at a time; `squares`: the patches
//! - `weights`: the transformed weights as `Packed` holds them
//! - `forward`: the convolution and the gradient of its data; `gradient`: that of its weights
//!
//! A patch of 4x4 pixels of the source becomes 16 values of each channel, the left sides of as many *products*. Each of these is
//! a product of matrices (patches by channels, transformed weights) of its own, and four pixels come back from the 16 sums.
//! Patches overlap, so that each pixel is read four times; nothing else is unfolded. All factors are sums of few values and of
//! their halves: in float32 the error is that of the plain sum, in bfloat16 about twice as large, since they are rounded again.

mod forward;
mod gradient;
mod squares;
mod transform;
mod weights;

use std::ops::Range;

pub(super) use forward::run;
pub(super) use gradient::weight_gradient;
pub(super) use weights::pack;

use super::tile::WIDEST;
use super::{Algorithm, Convolution, Images};

/// Products of a patch.
const PRODUCTS: usize = 16;

/// Pixels of the target that a patch gives, in each direction.
const STEP: usize = 2;

/// Fewest patches: they fill some tiles of every instruction set, and pay for weights that are almost twice as many. An image of
/// 14x14 alone has 49.
const FEWEST_PATCHES: usize = 48;

impl Convolution {
    /// The faster algorithm for images. It depends on their number too: results of one image alone and of the same among
    /// others may differ in the last bits.
    pub fn algorithm(&self, source: Images) -> Algorithm {
        let pays = self.has_winograd() && Patches::of(source).count() >= FEWEST_PATCHES;
        if pays { Algorithm::Winograd } else { Algorithm::Direct }
    }

    pub(super) fn has_winograd(&self) -> bool {
        let form = self.kernel == 3 && self.stride == 1 && self.padding == 1;
        let channels = [self.input, self.output].iter().all(|channels| channels % WIDEST == 0);
        form && channels
    }
}

/// Where patches are: each gives 2x2 pixels, of which the last row and column of an odd extent have one.
#[derive(Clone, Copy)]
struct Patches {
    images: Images,
    rows: usize,
    columns: usize,
}

impl Patches {
    fn of(images: Images) -> Self {
        Patches { images, rows: images.height.div_ceil(STEP), columns: images.width.div_ceil(STEP) }
    }

    fn count(self) -> usize {
        self.images.count * self.rows * self.columns
    }

    /// The first pixel of an image, and row and column that the patch's own first has in it.
    #[inline(always)]
    fn place(self, patch: usize) -> (usize, [usize; 2]) {
        let (rest, column) = (patch / self.columns, patch % self.columns);
        let (image, row) = (rest / self.rows, rest % self.rows);
        (image * self.images.plane(), [row * STEP, column * STEP])
    }

    /// About the pixels of some patches.
    fn pixels(self, range: Range<usize>) -> Range<usize> {
        let place = |patch: usize| patch * self.images.pixels() / self.count();
        place(range.start)..place(range.end)
    }

    /// The pixels of the source under a patch: a border of one around its own.
    #[inline(always)]
    fn sources(self, patch: usize) -> [[Option<usize>; 4]; 4] {
        let (first, [row, column]) = self.place(patch);
        let mut pixels = [[None; 4]; 4];
        for (y, pixels) in pixels.iter_mut().enumerate() {
            for (x, pixel) in pixels.iter_mut().enumerate() {
                let inside = |at: usize, extent: usize| at.checked_sub(1).filter(|&at| at < extent);
                if let (Some(row), Some(column)) =
                    (inside(row + y, self.images.height), inside(column + x, self.images.width))
                {
                    *pixel = Some(first + row * self.images.width + column);
                }
            }
        }
        pixels
    }

    /// Its own pixels.
    #[inline(always)]
    fn targets(self, patch: usize) -> [[Option<usize>; 2]; 2] {
        let (first, [row, column]) = self.place(patch);
        [0, 1].map(|y| {
            [0, 1].map(|x| {
                let inside = row + y < self.images.height && column + x < self.images.width;
                inside.then_some(first + (row + y) * self.images.width + column + x)
            })
        })
    }
}

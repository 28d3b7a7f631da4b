//! The linear maps of F(2x2, 3x3), each applied to the columns and then to the rows of a square.

use super::Patches;
use crate::convolution::tile::LINE;
use crate::simd::Simd;

/// Applies `line` to all columns, then to all rows.
#[inline(always)]
fn both<T: Copy, const N: usize, const M: usize>(
    square: [[T; N]; N],
    line: impl Fn([T; N]) -> [T; M],
) -> [[T; M]; M] {
    // Loops over indices: what iterators hold, a compiler keeps in memory instead of registers.
    let mut tall = [[square[0][0]; N]; M];
    for x in 0..N {
        let mut column = square[0];
        for y in 0..N {
            column[y] = square[y][x];
        }
        let column = line(column);
        for y in 0..M {
            tall[y][x] = column[y];
        }
    }
    let mut result = [[square[0][0]; M]; M];
    for y in 0..M {
        result[y] = line(tall[y]);
    }
    result
}

/// What squares of `N` x `N` pixels go through.
pub(super) trait Transform<const N: usize> {
    /// The pixels of a patch, inside the images.
    fn pixels(patches: Patches, patch: usize) -> [[Option<usize>; N]; N];

    /// The values that are multiplied.
    ///
    /// # Safety
    /// The instruction set is there.
    unsafe fn of<S: Simd>(pixels: [[S::Vector; N]; N]) -> [[S::Vector; 4]; 4];
}

/// Of an image.
pub(super) struct Image;

impl Transform<4> for Image {
    #[inline(always)]
    fn pixels(patches: Patches, patch: usize) -> [[Option<usize>; 4]; 4] {
        patches.sources(patch)
    }

    #[inline(always)]
    unsafe fn of<S: Simd>(pixels: [[S::Vector; 4]; 4]) -> [[S::Vector; 4]; 4] {
        // SAFETY: the caller's.
        both(pixels, |[a, b, c, d]| unsafe {
            [S::subtract(a, c), S::add(b, c), S::subtract(c, b), S::subtract(b, d)]
        })
    }
}

/// Of the result's gradient: the transposed of [`sums`].
pub(super) struct Gradient;

impl Transform<2> for Gradient {
    #[inline(always)]
    fn pixels(patches: Patches, patch: usize) -> [[Option<usize>; 2]; 2] {
        patches.targets(patch)
    }

    #[inline(always)]
    unsafe fn of<S: Simd>(pixels: [[S::Vector; 2]; 2]) -> [[S::Vector; 4]; 4] {
        // SAFETY: the caller's.
        both(pixels, |[a, b]| unsafe { [a, S::add(a, b), S::subtract(a, b), S::subtract(S::splat(0.0), b)] })
    }
}

/// The pixels from the sums of products.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
pub(super) unsafe fn sums<S: Simd>(products: [[S::Vector; 4]; 4]) -> [[S::Vector; 2]; 2] {
    // SAFETY: the caller's.
    both(products, |[a, b, c, d]| unsafe { [S::add(S::add(a, b), c), S::subtract(S::subtract(b, c), d)] })
}

/// Of several columns at once, which a compiler turns into vectors.
pub(super) type Columns = [f32; LINE];

#[inline(always)]
fn each(of: impl Fn(usize) -> f32) -> Columns {
    std::array::from_fn(of)
}

/// The weights of a kernel.
#[inline(always)]
pub(super) fn weights(kernel: [[Columns; 3]; 3]) -> [[Columns; 4]; 4] {
    both(kernel, |[a, b, c]| {
        [a, each(|at| 0.5 * (a[at] + b[at] + c[at])), each(|at| 0.5 * (a[at] - b[at] + c[at])), c]
    })
}

/// The transposed of [`weights`]: what the gradients of the transformed ones give those of the kernel.
#[inline(always)]
pub(super) fn weight_gradients(products: [[Columns; 4]; 4]) -> [[Columns; 3]; 3] {
    both(products, |[a, b, c, d]| {
        [
            each(|at| a[at] + 0.5 * (b[at] + c[at])),
            each(|at| 0.5 * (b[at] - c[at])),
            each(|at| 0.5 * (b[at] + c[at]) + d[at]),
        ]
    })
}

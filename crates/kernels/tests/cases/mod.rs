//! Convolutions of every form, and what they are computed from.

use brazier_kernels::convolution::Images;
use brazier_kernels::{Convolution, Factors, Format, Path};

use crate::emulator;
use crate::noise::{Side, noise};

/// Kernel, stride, padding, channels in and out, images, height, width.
pub const CASES: [[usize; 8]; 33] = [
    [3, 1, 1, 32, 32, 65, 1, 1],
    [3, 1, 1, 32, 32, 1, 45, 46],
    [3, 1, 1, 160, 32, 1, 14, 14],
    [1, 1, 0, 160, 288, 1, 23, 23],
    [1, 2, 0, 32, 64, 1, 13, 13],
    [5, 1, 2, 5, 40, 1, 6, 7],
    [8, 3, 0, 7, 33, 2, 11, 9],
    [5, 2, 2, 1, 33, 1, 1, 1],
    [1, 1, 0, 32, 64, 0, 5, 5],
    [3, 1, 1, 32, 64, 0, 9, 9],
    [3, 1, 1, 3, 64, 0, 9, 9],
    [3, 1, 1, 64, 32, 3, 9, 7],
    [3, 1, 1, 32, 96, 2, 14, 12],
    [3, 1, 1, 96, 64, 40, 1, 1],
    [3, 1, 1, 128, 160, 1, 28, 30],
    [3, 1, 1, 16, 16, 2, 7, 7],
    [3, 1, 1, 64, 64, 1, 14, 14],
    [3, 1, 1, 40, 24, 3, 4, 4],
    [3, 1, 1, 8, 10, 5, 2, 2],
    [3, 1, 1, 9, 17, 1, 1, 1],
    [3, 2, 1, 16, 32, 2, 8, 8],
    [3, 2, 1, 16, 48, 13, 7, 5],
    [1, 1, 0, 32, 64, 2, 5, 5],
    [1, 2, 0, 32, 64, 2, 8, 7],
    [1, 1, 0, 600, 20, 3, 3, 3],
    [3, 1, 1, 400, 16, 1, 3, 3],
    [3, 1, 1, 1, 16, 2, 28, 28],
    [3, 1, 1, 3, 16, 2, 9, 11],
    [7, 2, 3, 3, 64, 1, 32, 30],
    [7, 2, 3, 1, 20, 2, 5, 6],
    [7, 1, 3, 16, 8, 1, 5, 4],
    [1, 1, 0, 512, 10, 100, 1, 1],
    [3, 2, 1, 800, 32, 1, 15, 15],
];

pub fn case(
    [kernel, stride, padding, input, output, count, height, width]: [usize; 8],
) -> (Convolution, Images) {
    (Convolution { input, output, kernel, stride, padding }, Images { count, height, width })
}

/// Values that the format has.
pub fn side(engine: (Path, Format), len: usize, columns: usize, seed: u64) -> Side {
    Side::new(engine, noise(len, seed), columns)
}

/// A side as an image of the convolution.
pub fn image<'a>(side: &'a Side, convolution: &Convolution) -> Factors<'a> {
    if convolution.is_stem() { Factors::Float32(&side.values) } else { side.factors() }
}

/// Instruction sets and formats.
pub fn engines() -> impl Iterator<Item = (Path, Format)> {
    emulator::paths().into_iter().flat_map(|path| [(path, Format::Float32), (path, Format::Bfloat16)])
}

/// Weights that the format has.
pub fn weights(engine: (Path, Format), convolution: &Convolution) -> Vec<f32> {
    side(engine, convolution.weights(), 1, 2).values
}

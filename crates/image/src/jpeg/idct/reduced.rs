//! Inverse transforms to 4, 2 or 1 samples a side, bit for bit as libjpeg's jidctred.c.

use super::{CONSTANT_BITS, PASS_BITS, Samples, sample};
use crate::jpeg::block::Coefficients;

/// To 4 samples: the factors of inputs 2 and 6, then those of inputs 1, 3, 5 and 7 to either odd sum.
const EVEN_4: [i32; 2] = [15_137, -6_270];
const ODD_4: [[i32; 4]; 2] = [[20_995, 7_373, -4_926, -4_176], [8_697, -17_799, 11_893, -1_730]];
/// To 2 samples: the factors of inputs 1, 3, 5 and 7.
const ODD_2: [i32; 4] = [29_692, -10_426, 6_967, -5_906];

/// Samples a side of a reduced block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::jpeg) enum Reduced {
    Four,
    Two,
    One,
}

impl Reduced {
    /// Multiplies the coefficients by their quantisation steps and transforms those that count.
    pub(in crate::jpeg) fn transform(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
        let input = |row: usize, column: usize| {
            i32::from(coefficients[8 * row + column].wrapping_mul(quant[8 * row + column]))
        };
        let mut samples = Samples::default();
        match self {
            Self::Four => two_passes::<4, 1>(input, four, &mut samples),
            Self::Two => two_passes::<2, 2>(input, two, &mut samples),
            Self::One => samples[0][0] = sample((input(0, 0) + 4) >> 3),
        }
        samples
    }
}

/// Columns, then rows. `pass` leaves `EXTRA` more bits behind the point than the constants have.
#[inline(always)]
fn two_passes<const SIDE: usize, const EXTRA: u32>(
    input: impl Fn(usize, usize) -> i32,
    pass: impl Fn([i32; 8]) -> [i32; SIDE],
    samples: &mut Samples,
) {
    let mut work = [[0; 8]; SIDE];
    for column in 0..8 {
        let outputs = pass(std::array::from_fn(|row| input(row, column)));
        for (row, value) in work.iter_mut().zip(outputs) {
            row[column] = descale(value, CONSTANT_BITS - PASS_BITS + EXTRA);
        }
    }
    for (line, row) in samples.iter_mut().zip(work) {
        for (out, value) in line.iter_mut().zip(pass(row)) {
            *out = sample(descale(value, CONSTANT_BITS + PASS_BITS + 3 + EXTRA));
        }
    }
}

/// Shifts down, rounding to nearest.
#[inline(always)]
fn descale(value: i32, shift: u32) -> i32 {
    value.wrapping_add(1 << (shift - 1)) >> shift
}

#[inline(always)]
fn products<const COUNT: usize>(factors: [i32; COUNT], inputs: [i32; COUNT]) -> i32 {
    factors
        .into_iter()
        .zip(inputs)
        .fold(0, |sum, (factor, input)| sum.wrapping_add(factor.wrapping_mul(input)))
}

#[inline(always)]
fn four(input: [i32; 8]) -> [i32; 4] {
    let middle = input[0] << (CONSTANT_BITS + 1);
    let slope = products(EVEN_4, [input[2], input[6]]);
    let [outer, inner] = ODD_4.map(|factors| products(factors, [input[1], input[3], input[5], input[7]]));
    let (high, low) = (middle.wrapping_add(slope), middle.wrapping_sub(slope));
    [high.wrapping_add(outer), low.wrapping_add(inner), low.wrapping_sub(inner), high.wrapping_sub(outer)]
}

#[inline(always)]
fn two(input: [i32; 8]) -> [i32; 2] {
    let middle = input[0] << (CONSTANT_BITS + 2);
    let slope = products(ODD_2, [input[1], input[3], input[5], input[7]]);
    [middle.wrapping_add(slope), middle.wrapping_sub(slope)]
}

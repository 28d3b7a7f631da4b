//! The inverse discrete cosine transform, bit for bit as libjpeg's jidctint.c (`JDCT_ISLOW`).
//!
//! libjpeg follows Loeffler, Ligtenberg and Moschytz with 13-bit constants. It rounds only once a pass, so its sums may
//! be taken in any order; here each output is one sum of products of the inputs.

use super::block::Coefficients;

#[cfg(target_arch = "x86_64")]
mod avx2;
mod reduced;

pub(super) use reduced::Reduced;

/// The samples of a block, row by row. A reduced block fills the first rows and columns only.
pub(super) type Samples = [[u8; 8]; 8];

/// Bits behind the point of the constants.
const CONSTANT_BITS: u32 = 13;
/// Bits behind the point that the first pass leaves for the second.
const PASS_BITS: u32 = 2;
/// How far the sums of the first and second pass are shifted down; the second also divides by 8.
const FIRST_SHIFT: u32 = CONSTANT_BITS - PASS_BITS;
const SECOND_SHIFT: u32 = CONSTANT_BITS + PASS_BITS + 3;

/// sqrt(2) cos(3 pi / 8) and its relatives: 0.541196100, plus 0.765366865, less 1.847759065.
const EVEN: [i16; 3] = [4_433, 4_433 + 6_270, 4_433 - 15_137];
/// Rows: the four odd sums; columns: inputs 1, 3, 5 and 7.
const ODD: [[i16; 4]; 4] = [
    [12_299 - 7_373 - 3_196 + 9_633, 9_633, 9_633 - 3_196, 9_633 - 7_373],
    [9_633, 25_172 - 20_995 - 16_069 + 9_633, 9_633 - 20_995, 9_633 - 16_069],
    [9_633 - 3_196, 9_633 - 20_995, 16_819 - 20_995 - 3_196 + 9_633, 9_633],
    [9_633 - 7_373, 9_633 - 16_069, 9_633, 2_446 - 7_373 - 16_069 + 9_633],
];

/// The block whose only coefficient is the first one: all samples are equal.
#[inline(always)]
pub(super) fn flat(first: i16, step: i16) -> u8 {
    sample((i32::from(first.wrapping_mul(step)) + 4) >> 3)
}

/// From a value around zero to an 8-bit sample.
#[inline(always)]
fn sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

/// Multiplies the coefficients by their quantisation steps and transforms them; samples are clamped to 8 bits.
#[inline(always)]
pub(super) fn full(coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
    let mut work = [[0i32; 8]; 8];
    for column in 0..8 {
        let input =
            |row: usize| i32::from(coefficients[8 * row + column].wrapping_mul(quant[8 * row + column]));
        for (row, value) in pass::<FIRST_SHIFT>(std::array::from_fn(input)).into_iter().enumerate() {
            work[row][column] = value;
        }
    }
    work.map(|row| pass::<SECOND_SHIFT>(row).map(sample))
}

/// Eight inputs along one side to eight outputs. Wrapping: no sound file overflows, and a damaged one must not panic.
#[inline(always)]
fn pass<const SHIFT: u32>(input: [i32; 8]) -> [i32; 8] {
    let sum = |factors: &[i16], inputs: &[i32]| {
        let products =
            factors.iter().zip(inputs).map(|(&factor, &input)| i32::from(factor).wrapping_mul(input));
        products.fold(0, i32::wrapping_add)
    };
    let round = 1 << (SHIFT - 1);
    let first = (input[0].wrapping_add(input[4]) << CONSTANT_BITS).wrapping_add(round);
    let second = (input[0].wrapping_sub(input[4]) << CONSTANT_BITS).wrapping_add(round);
    let third = sum(&[EVEN[1], EVEN[0]], &[input[2], input[6]]);
    let fourth = sum(&[EVEN[0], EVEN[2]], &[input[2], input[6]]);
    let even = [
        first.wrapping_add(third),
        second.wrapping_add(fourth),
        second.wrapping_sub(fourth),
        first.wrapping_sub(third),
    ];
    let odd = ODD.map(|factors| sum(&factors, &[input[1], input[3], input[5], input[7]]));
    std::array::from_fn(|index| match index {
        0..4 => even[index].wrapping_add(odd[index]) >> SHIFT,
        _ => even[7 - index].wrapping_sub(odd[7 - index]) >> SHIFT,
    })
}

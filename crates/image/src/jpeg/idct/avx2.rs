//! The inverse transform on AVX2: a row of eight columns at a time, products in pairs.
//!
//! A vector of pairs holds two rows of inputs side by side, so that one instruction multiplies both by their factors
//! and adds. Between the passes the block is turned, and paired again at the same time.

use std::arch::x86_64::__m256i;

use pulp::bytemuck::cast;
use pulp::x86::V3;

use super::{CONSTANT_BITS, Coefficients, EVEN, FIRST_SHIFT, ODD, SECOND_SHIFT, Samples, Transform};

/// Takes the instructions' presence as given: a `V3` can only be had where they are.
#[derive(Debug, Clone, Copy)]
pub(in crate::jpeg) struct Avx2(pub(in crate::jpeg) V3);

impl Transform for Avx2 {
    #[inline(always)]
    fn full(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
        let (rows, steps) = (coefficients.as_chunks::<16>().0, quant.as_chunks::<16>().0);
        let two_rows = |index: usize| self.0.avx2._mm256_mullo_epi16(cast(rows[index]), cast(steps[index]));
        let first = self.pass::<{ FIRST_SHIFT as i32 }>(self.pairs([0, 1, 2, 3].map(two_rows)));
        let second = self.pass::<{ SECOND_SHIFT as i32 }>(self.turned_pairs(first));
        self.samples(second)
    }
}

impl Avx2 {
    /// From rows 0 and 1, 2 and 3, 4 and 5, 6 and 7 to pairs of rows 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    #[inline(always)]
    fn pairs(self, rows: [__m256i; 4]) -> [__m256i; 4] {
        let avx2 = self.0.avx2;
        let pair = |upper, lower| {
            let left = avx2._mm256_unpacklo_epi16(upper, lower);
            let right = avx2._mm256_unpackhi_epi16(upper, lower);
            self.halves(left, right)
        };
        let ([p04, p15], [p26, p37]) = (pair(rows[0], rows[2]), pair(rows[1], rows[3]));
        [p04, p15, p26, p37]
    }

    /// Both lower halves, and both upper halves.
    #[inline(always)]
    fn halves(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        let avx2 = self.0.avx2;
        [avx2._mm256_permute2x128_si256::<0x20>(a, b), avx2._mm256_permute2x128_si256::<0x31>(a, b)]
    }

    /// One pass down the columns: outputs 0 to 7, each a row of eight 32-bit numbers.
    #[inline(always)]
    fn pass<const SHIFT: i32>(self, [p04, p15, p26, p37]: [__m256i; 4]) -> [__m256i; 8] {
        let avx2 = self.0.avx2;
        let (add, sub) = (|a, b| avx2._mm256_add_epi32(a, b), |a, b| avx2._mm256_sub_epi32(a, b));
        let products = |pairs, low: i16, high: i16| avx2._mm256_madd_epi16(pairs, cast([[low, high]; 8]));
        let one = 1 << CONSTANT_BITS;
        let round = cast([1i32 << (SHIFT - 1); 8]);
        let (first, second) = (add(products(p04, one, one), round), add(products(p04, one, -one), round));
        let (third, fourth) = (products(p26, EVEN[1], EVEN[0]), products(p26, EVEN[0], EVEN[2]));
        let even = [add(first, third), add(second, fourth), sub(second, fourth), sub(first, third)];
        let odd = ODD.map(|[f1, f3, f5, f7]| add(products(p15, f1, f5), products(p37, f3, f7)));
        let shifted = |value| avx2._mm256_srai_epi32::<SHIFT>(value);
        [
            shifted(add(even[0], odd[0])),
            shifted(add(even[1], odd[1])),
            shifted(add(even[2], odd[2])),
            shifted(add(even[3], odd[3])),
            shifted(sub(even[3], odd[3])),
            shifted(sub(even[2], odd[2])),
            shifted(sub(even[1], odd[1])),
            shifted(sub(even[0], odd[0])),
        ]
    }

    /// From eight rows to pairs of columns 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    #[inline(always)]
    fn turned_pairs(self, rows: [__m256i; 8]) -> [__m256i; 4] {
        let avx2 = self.0.avx2;
        let packed = |a: usize| avx2._mm256_packs_epi32(rows[a], rows[a + 1]);
        // Each row becomes its four pairs; rows 0 and 4, 1 and 5 and so on share a vector.
        let row_pairs = |upper: usize| {
            let [left, right] = self.halves(packed(upper), packed(upper + 4));
            [avx2._mm256_unpacklo_epi16(left, right), avx2._mm256_unpackhi_epi16(left, right)]
        };
        let ([r04, r15], [r26, r37]) = (row_pairs(0), row_pairs(2));
        // Both halves are 4 x 4 pairs to turn.
        let (a, b) = (avx2._mm256_unpacklo_epi32(r04, r15), avx2._mm256_unpacklo_epi32(r26, r37));
        let (c, d) = (avx2._mm256_unpackhi_epi32(r04, r15), avx2._mm256_unpackhi_epi32(r26, r37));
        [
            avx2._mm256_unpacklo_epi64(a, b),
            avx2._mm256_unpackhi_epi64(a, b),
            avx2._mm256_unpacklo_epi64(c, d),
            avx2._mm256_unpackhi_epi64(c, d),
        ]
    }

    /// From eight columns of numbers around zero to rows of 8-bit samples.
    #[inline(always)]
    fn samples(self, columns: [__m256i; 8]) -> Samples {
        let avx2 = self.0.avx2;
        let packed = |a: usize| avx2._mm256_packs_epi32(columns[a], columns[a + 1]);
        // Saturation to -128..=127 and flipping the sign bit is clamping to 0..=255 behind adding 128.
        let turn: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        let four_columns = |a: usize| {
            let bytes = avx2._mm256_packs_epi16(packed(a), packed(a + 2));
            avx2._mm256_shuffle_epi8(avx2._mm256_xor_si256(bytes, cast([0x80u8; 32])), cast([turn; 2]))
        };
        let (left, right) = (four_columns(0), four_columns(4));
        // Rows 0, 1, 4, 5 and rows 2, 3, 6, 7.
        let (a, b) = (avx2._mm256_unpacklo_epi32(left, right), avx2._mm256_unpackhi_epi32(left, right));
        cast(self.halves(a, b))
    }
}

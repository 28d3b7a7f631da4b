//! The inverse transform on AVX2: a row of eight columns at a time, products in pairs.
//!
//! A vector of pairs holds two rows of inputs side by side, so that one instruction multiplies both by their factors
//! and adds. Between the passes the block is turned, and paired again at the same time.

use std::arch::x86_64::__m256i;

use pulp::bytemuck::cast;

use super::{CONSTANT_BITS, Coefficients, EVEN, FIRST_SHIFT, ODD, SECOND_SHIFT, Samples};
use crate::jpeg::kernel::Avx2;

impl Avx2 {
    /// What [`super::full`] does.
    #[inline(always)]
    pub(in crate::jpeg) fn transform(self, coefficients: &Coefficients, quant: &[i16; 64]) -> Samples {
        let (rows, steps) = (coefficients.as_chunks::<16>().0, quant.as_chunks::<16>().0);
        let pairs = self.pairs([
            self.products(cast(rows[0]), cast(steps[0])),
            self.products(cast(rows[1]), cast(steps[1])),
            self.products(cast(rows[2]), cast(steps[2])),
            self.products(cast(rows[3]), cast(steps[3])),
        ]);
        let first = self.pass::<{ FIRST_SHIFT as i32 }>(pairs);
        let second = self.pass::<{ SECOND_SHIFT as i32 }>(self.turned_pairs(first));
        self.samples(second)
    }
    /// From rows 0 and 1, 2 and 3, 4 and 5, 6 and 7 to pairs of rows 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    #[inline(always)]
    fn pairs(self, rows: [__m256i; 4]) -> [__m256i; 4] {
        let avx2 = self.0.avx2;
        let [p04, p15] = self.halves(
            avx2._mm256_unpacklo_epi16(rows[0], rows[2]),
            avx2._mm256_unpackhi_epi16(rows[0], rows[2]),
        );
        let [p26, p37] = self.halves(
            avx2._mm256_unpacklo_epi16(rows[1], rows[3]),
            avx2._mm256_unpackhi_epi16(rows[1], rows[3]),
        );
        [p04, p15, p26, p37]
    }

    /// Both lower halves, and both upper halves.
    #[inline(always)]
    fn halves(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        let avx2 = self.0.avx2;
        [avx2._mm256_permute2x128_si256::<0x20>(a, b), avx2._mm256_permute2x128_si256::<0x31>(a, b)]
    }

    #[inline(always)]
    fn products(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_mullo_epi16(a, b)
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_sub_epi32(a, b)
    }

    /// The first of each pair times `first` plus the second times `second`.
    #[inline(always)]
    fn weighted(self, pairs: __m256i, first: i16, second: i16) -> __m256i {
        self.0.avx2._mm256_madd_epi16(pairs, cast([[first, second]; 8]))
    }

    #[inline(always)]
    fn odd(self, p15: __m256i, p37: __m256i, [f1, f3, f5, f7]: [i16; 4]) -> __m256i {
        self.add(self.weighted(p15, f1, f5), self.weighted(p37, f3, f7))
    }

    /// The sum and the difference, shifted down.
    #[inline(always)]
    fn butterfly<const SHIFT: i32>(self, a: __m256i, b: __m256i) -> (__m256i, __m256i) {
        let avx2 = self.0.avx2;
        (avx2._mm256_srai_epi32::<SHIFT>(self.add(a, b)), avx2._mm256_srai_epi32::<SHIFT>(self.sub(a, b)))
    }

    /// One pass down the columns: outputs 0 to 7, each a row of eight 32-bit numbers.
    #[inline(always)]
    fn pass<const SHIFT: i32>(self, [p04, p15, p26, p37]: [__m256i; 4]) -> [__m256i; 8] {
        let one = 1 << CONSTANT_BITS;
        let round = cast([1i32 << (SHIFT - 1); 8]);
        let first = self.add(self.weighted(p04, one, one), round);
        let second = self.add(self.weighted(p04, one, -one), round);
        let (third, fourth) = (self.weighted(p26, EVEN[1], EVEN[0]), self.weighted(p26, EVEN[0], EVEN[2]));
        let (o0, o7) = self.butterfly::<SHIFT>(self.add(first, third), self.odd(p15, p37, ODD[0]));
        let (o1, o6) = self.butterfly::<SHIFT>(self.add(second, fourth), self.odd(p15, p37, ODD[1]));
        let (o2, o5) = self.butterfly::<SHIFT>(self.sub(second, fourth), self.odd(p15, p37, ODD[2]));
        let (o3, o4) = self.butterfly::<SHIFT>(self.sub(first, third), self.odd(p15, p37, ODD[3]));
        [o0, o1, o2, o3, o4, o5, o6, o7]
    }

    /// From rows `a`, `a + 1` and `b`, `b + 1` to the four column pairs of each: of rows `a` and `b`, then of the next.
    #[inline(always)]
    fn row_pairs(self, rows: &[__m256i; 8], a: usize, b: usize) -> [__m256i; 2] {
        let avx2 = self.0.avx2;
        let [left, right] = self.halves(
            avx2._mm256_packs_epi32(rows[a], rows[a + 1]),
            avx2._mm256_packs_epi32(rows[b], rows[b + 1]),
        );
        [avx2._mm256_unpacklo_epi16(left, right), avx2._mm256_unpackhi_epi16(left, right)]
    }

    /// From eight rows to pairs of columns 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    #[inline(always)]
    fn turned_pairs(self, rows: [__m256i; 8]) -> [__m256i; 4] {
        let avx2 = self.0.avx2;
        let ([r04, r15], [r26, r37]) = (self.row_pairs(&rows, 0, 4), self.row_pairs(&rows, 2, 6));
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

    /// From four columns of numbers around zero to 8-bit samples, four of each row together.
    #[inline(always)]
    fn four_columns(self, columns: &[__m256i; 8], a: usize) -> __m256i {
        let avx2 = self.0.avx2;
        let words = (
            avx2._mm256_packs_epi32(columns[a], columns[a + 1]),
            avx2._mm256_packs_epi32(columns[a + 2], columns[a + 3]),
        );
        // Saturation to -128..=127 and flipping the sign bit is clamping to 0..=255 behind adding 128.
        let bytes = avx2._mm256_xor_si256(avx2._mm256_packs_epi16(words.0, words.1), cast([0x80u8; 32]));
        let turn: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
        avx2._mm256_shuffle_epi8(bytes, cast([turn; 2]))
    }

    /// From eight columns to rows of 8-bit samples.
    #[inline(always)]
    fn samples(self, columns: [__m256i; 8]) -> Samples {
        let avx2 = self.0.avx2;
        let (left, right) = (self.four_columns(&columns, 0), self.four_columns(&columns, 4));
        // Rows 0, 1, 4, 5 and rows 2, 3, 6, 7.
        let (a, b) = (avx2._mm256_unpacklo_epi32(left, right), avx2._mm256_unpackhi_epi32(left, right));
        cast(self.halves(a, b))
    }
}

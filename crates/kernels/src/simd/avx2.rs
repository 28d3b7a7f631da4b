//! 256 bits: AVX2 with fused multiply-add, every x86 server since 2015.

use core::arch::x86_64::{
    __m256, __m256i, _CMP_UNORD_Q, _MM_HINT_T0, _mm_loadu_si128, _mm_packus_epi32, _mm_prefetch,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_blendv_ps,
    _mm256_castps_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepu16_epi32,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps,
    _mm256_or_si256, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::tile::Vectors;
use super::{Kernel, Simd};

#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// 12 of the 16 registers hold sums, two the weights, one a value of the image.
const ROWS: usize = 6;

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2, ROWS>()
}

/// The nearest bfloat16 of each value in the upper half of its lane.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn rounded(values: __m256) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let bits = _mm256_castps_si256(values);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        // What is no number must not be rounded to infinity.
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        let is_none = _mm256_cmp_ps::<_CMP_UNORD_Q>(values, values);
        let [rounded, quiet] = [rounded, quiet].map(|bits| _mm256_castsi256_ps(bits));
        _mm256_castps_si256(_mm256_blendv_ps(rounded, quiet, is_none))
    }
}

impl Simd for Avx2 {
    const LANES: usize = 8;
    type Vector = __m256;
    type Tile = Vectors;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: the instruction set and 8 readable values are the caller's duty.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m256) {
        // SAFETY: the instruction set and 8 writable values are the caller's duty.
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> __m256 {
        // SAFETY: the instruction set and a readable value are the caller's duty.
        unsafe { _mm256_castsi256_ps(_mm256_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn widen(pairs: __m256) -> [__m256; 2] {
        // SAFETY: the instruction set is the caller's duty.
        unsafe {
            let pairs = _mm256_castps_si256(pairs);
            let upper = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
            [_mm256_slli_epi32::<16>(pairs), _mm256_and_si256(pairs, upper)]
                .map(|bits| _mm256_castsi256_ps(bits))
        }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn rectify(values: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty. Of a pair with none, the second is taken.
        unsafe { _mm256_max_ps(_mm256_setzero_ps(), values) }
    }

    #[inline(always)]
    unsafe fn load_halves(from: *const u16) -> __m256 {
        // SAFETY: the instruction set and 8 readable halves are the caller's duty.
        unsafe {
            let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_halves(to: *mut u16, vector: __m256) {
        // SAFETY: the instruction set and 8 writable halves are the caller's duty.
        unsafe {
            let upper = _mm256_srli_epi32::<16>(rounded(vector));
            let (low, high) = (_mm256_castsi256_si128(upper), _mm256_extracti128_si256::<1>(upper));
            _mm_storeu_si128(to.cast(), _mm_packus_epi32(low, high));
        }
    }

    #[inline(always)]
    unsafe fn narrow(low: __m256, high: __m256) -> __m256 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe {
            let upper = _mm256_and_si256(rounded(high), _mm256_set1_epi32(0xffff_0000_u32.cast_signed()));
            _mm256_castsi256_ps(_mm256_or_si256(_mm256_srli_epi32::<16>(rounded(low)), upper))
        }
    }

    #[inline(always)]
    unsafe fn pair(low: *const u16, high: *const u16) -> __m256 {
        // SAFETY: the instruction set and 8 readable values at each are the caller's duty.
        unsafe {
            let [low, high] = [low, high].map(|from| _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast())));
            _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_slli_epi32::<16>(high)))
        }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: SSE, which every x86_64 has; an address that cannot be read is let be.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}

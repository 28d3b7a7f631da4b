//! 512 bits: AVX-512F.

use core::arch::x86_64::{
    __m512, __m512i, _CMP_UNORD_Q, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm256_storeu_si256,
    _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_cmp_ps_mask, _mm512_cvtepi32_epi16, _mm512_cvtepu16_epi32, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_blend_epi32, _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::tile::Vectors;
use super::{Kernel, Simd};

#[derive(Clone, Copy)]
pub(super) struct Avx512;

/// 28 of the 32 registers hold sums, two the weights; values of the image come as operands.
pub(super) const ROWS: usize = 14;

/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512, ROWS>()
}

/// The nearest bfloat16 of each value in the upper half of its lane.
///
/// # Safety
/// The processor has AVX-512F.
#[inline(always)]
unsafe fn rounded(values: __m512) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        let bits = _mm512_castps_si512(values);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        // What is no number must not be rounded to infinity.
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
        let is_none = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(values, values);
        _mm512_mask_blend_epi32(is_none, rounded, quiet)
    }
}

impl Simd for Avx512 {
    const LANES: usize = 16;
    type Vector = __m512;
    type Tile = Vectors;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the instruction set and 16 readable values are the caller's duty.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m512) {
        // SAFETY: the instruction set and 16 writable values are the caller's duty.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> __m512 {
        // SAFETY: the instruction set and a readable value are the caller's duty.
        unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn widen(pairs: __m512) -> [__m512; 2] {
        // SAFETY: the instruction set is the caller's duty.
        unsafe {
            let pairs = _mm512_castps_si512(pairs);
            let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
            [_mm512_slli_epi32::<16>(pairs), _mm512_and_si512(pairs, upper)]
                .map(|bits| _mm512_castsi512_ps(bits))
        }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn rectify(values: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty. Of a pair with none, the second is taken.
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), values) }
    }

    #[inline(always)]
    unsafe fn load_halves(from: *const u16) -> __m512 {
        // SAFETY: the instruction set and 16 readable halves are the caller's duty.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }

    #[inline(always)]
    unsafe fn store_halves(to: *mut u16, vector: __m512) {
        // SAFETY: the instruction set and 16 writable halves are the caller's duty.
        unsafe {
            let upper = _mm512_srli_epi32::<16>(rounded(vector));
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(upper));
        }
    }

    #[inline(always)]
    unsafe fn narrow(low: __m512, high: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty.
        unsafe {
            let upper = _mm512_and_si512(rounded(high), _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
            _mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32::<16>(rounded(low)), upper))
        }
    }

    #[inline(always)]
    unsafe fn pair(low: *const u16, high: *const u16) -> __m512 {
        // SAFETY: the instruction set and 16 readable values at each are the caller's duty.
        unsafe {
            let [low, high] = [low, high].map(|from| _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast())));
            _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32::<16>(high)))
        }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        // SAFETY: SSE, which every x86_64 has; an address that cannot be read is let be.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}

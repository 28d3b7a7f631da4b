//! 256 bits: AVX2 with fused multiply-add, every x86 server since 2015.

use core::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

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

impl Simd for Avx2 {
    const LANES: usize = 8;
    type Vector = __m256;

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
}

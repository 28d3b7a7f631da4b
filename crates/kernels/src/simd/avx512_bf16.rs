//! 512 bits whose lanes are pairs of bfloat16: AVX-512 BF16, Intel's from Cooper Lake and AMD's from Zen 4 on.

use core::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, _mm256_storeu_si256, _mm512_castsi512_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_or_si512, _mm512_slli_epi32,
};
use core::marker::PhantomData;
use core::mem::transmute;

use super::avx512::{Avx512, ROWS};
use super::tile::{Tile, Vectors};
use super::{Kernel, Simd};

/// Vectors, and what sums a tile of them.
#[derive(Clone, Copy)]
pub(super) struct Avx512Bf16<T = Vectors>(PhantomData<T>);

/// Whether the processor has it.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// # Safety
/// The processor has AVX-512F and AVX-512 BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512Bf16<Vectors>, ROWS>()
}

impl<T: Tile> Simd for Avx512Bf16<T> {
    const LANES: usize = Avx512::LANES;
    const ROUNDS: bool = true;
    type Vector = __m512;
    type Tile = T;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::splat(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::load(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m512) {
        // SAFETY: the caller's.
        unsafe { Avx512::store(to, vector) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::add(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::subtract(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::multiply(a, b) }
    }

    #[inline(always)]
    unsafe fn rectify(values: __m512) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::rectify(values) }
    }

    #[inline(always)]
    unsafe fn load_halves(from: *const u16) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::load_halves(from) }
    }

    #[inline(always)]
    unsafe fn store_halves(to: *mut u16, vector: __m512) {
        // SAFETY: the instruction set and 16 writable halves are the caller's duty; both types are 256 bits.
        unsafe {
            _mm256_storeu_si256(to.cast(), transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(vector)));
        }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::broadcast(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty; both types are 512 bits without a meaning of their own.
        unsafe { _mm512_dpbf16_ps(c, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b)) }
    }

    #[inline(always)]
    unsafe fn widen(pairs: __m512) -> [__m512; 2] {
        // SAFETY: the caller's.
        unsafe { Avx512::widen(pairs) }
    }

    #[inline(always)]
    unsafe fn narrow(low: __m512, high: __m512) -> __m512 {
        // SAFETY: the instruction set is the caller's duty; both types are 256 bits without a meaning of their own.
        unsafe {
            let [low, high] = [low, high].map(|values| {
                _mm512_cvtepu16_epi32(transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(values)))
            });
            _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32::<16>(high)))
        }
    }

    #[inline(always)]
    unsafe fn pair(low: *const u16, high: *const u16) -> __m512 {
        // SAFETY: the caller's.
        unsafe { Avx512::pair(low, high) }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        Avx512::prefetch(at);
    }
}

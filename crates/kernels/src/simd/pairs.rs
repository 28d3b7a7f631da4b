//! Pairs of bfloat16 as factors, where the processor has no instruction for them: widened, then multiplied as float32.

use core::marker::PhantomData;

use super::tile::Vectors;
use super::{Kernel, Simd};

/// A kernel whose factors are pairs.
pub(super) struct OfPairs<K>(pub(super) K);

impl<K: Kernel> Kernel for OfPairs<K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) -> K::Output {
        self.0.run::<Pairs<S>, ROWS>()
    }
}

/// Vectors of `S` that multiply pairs.
#[derive(Clone, Copy)]
struct Pairs<S>(PhantomData<S>);

impl<S: Simd> Simd for Pairs<S> {
    const LANES: usize = S::LANES;
    type Vector = S::Vector;
    type Tile = Vectors;

    #[inline(always)]
    unsafe fn splat(value: f32) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::splat(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::load(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: S::Vector) {
        // SAFETY: the caller's.
        unsafe { S::store(to, vector) }
    }

    #[inline(always)]
    unsafe fn add(a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::add(a, b) }
    }

    #[inline(always)]
    unsafe fn subtract(a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::subtract(a, b) }
    }

    #[inline(always)]
    unsafe fn multiply(a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::multiply(a, b) }
    }

    #[inline(always)]
    unsafe fn rectify(values: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::rectify(values) }
    }

    #[inline(always)]
    unsafe fn load_halves(from: *const u16) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::load_halves(from) }
    }

    #[inline(always)]
    unsafe fn store_halves(to: *mut u16, vector: S::Vector) {
        // SAFETY: the caller's.
        unsafe { S::store_halves(to, vector) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::broadcast(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: S::Vector, b: S::Vector, c: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe {
            let ([a_low, a_high], [b_low, b_high]) = (S::widen(a), S::widen(b));
            S::multiply_add(a_high, b_high, S::multiply_add(a_low, b_low, c))
        }
    }

    #[inline(always)]
    unsafe fn widen(pairs: S::Vector) -> [S::Vector; 2] {
        // SAFETY: the caller's.
        unsafe { S::widen(pairs) }
    }

    #[inline(always)]
    unsafe fn narrow(low: S::Vector, high: S::Vector) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::narrow(low, high) }
    }

    #[inline(always)]
    unsafe fn pair(low: *const u16, high: *const u16) -> S::Vector {
        // SAFETY: the caller's.
        unsafe { S::pair(low, high) }
    }

    #[inline(always)]
    fn prefetch(at: *const f32) {
        S::prefetch(at);
    }
}

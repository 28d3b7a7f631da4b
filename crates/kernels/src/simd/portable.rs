//! 128 bits in plain Rust, which the compiler turns into what every processor of its target has.

use super::Simd;
use super::tile::Vectors;
use crate::format::{round, widen};

#[derive(Clone, Copy)]
pub(super) struct Portable;

/// 12 of the 16 registers hold sums.
pub(super) const ROWS: usize = 6;

impl Simd for Portable {
    const LANES: usize = 4;
    type Vector = [f32; 4];
    type Tile = Vectors;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: four readable values are the caller's duty.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: [f32; 4]) {
        // SAFETY: four writable values are the caller's duty.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(vector) }
    }

    /// Rounded twice: without the hardware's, a fused one is a call into libm.
    #[inline(always)]
    unsafe fn multiply_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]]
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }

    #[inline(always)]
    unsafe fn subtract(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]
    }

    #[inline(always)]
    unsafe fn multiply(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }

    #[inline(always)]
    unsafe fn rectify(values: [f32; 4]) -> [f32; 4] {
        values.map(|value| if value < 0.0 { 0.0 } else { value })
    }

    #[inline(always)]
    unsafe fn load_halves(from: *const u16) -> [f32; 4] {
        // SAFETY: four readable values are the caller's duty.
        unsafe { from.cast::<[u16; 4]>().read_unaligned() }.map(widen)
    }

    #[inline(always)]
    unsafe fn store_halves(to: *mut u16, vector: [f32; 4]) {
        // SAFETY: four writable values are the caller's duty.
        unsafe { to.cast::<[u16; 4]>().write_unaligned(vector.map(round)) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> [f32; 4] {
        // SAFETY: a readable value is the caller's duty.
        [unsafe { from.read_unaligned() }; 4]
    }

    #[inline(always)]
    unsafe fn widen(pairs: [f32; 4]) -> [[f32; 4]; 2] {
        [
            pairs.map(|pair| f32::from_bits(pair.to_bits() << 16)),
            pairs.map(|pair| f32::from_bits(pair.to_bits() & 0xffff_0000)),
        ]
    }

    #[inline(always)]
    unsafe fn narrow(low: [f32; 4], high: [f32; 4]) -> [f32; 4] {
        [0, 1, 2, 3]
            .map(|lane| f32::from_bits(u32::from(round(low[lane])) | u32::from(round(high[lane])) << 16))
    }

    #[inline(always)]
    unsafe fn pair(low: *const u16, high: *const u16) -> [f32; 4] {
        // SAFETY: four readable values at each are the caller's duty.
        let [low, high] = unsafe { [low, high].map(|from| from.cast::<[u16; 4]>().read_unaligned()) };
        [0, 1, 2, 3].map(|lane| f32::from_bits(u32::from(low[lane]) | u32::from(high[lane]) << 16))
    }
}

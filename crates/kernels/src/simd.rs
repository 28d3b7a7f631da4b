//! Vectors of float32, and the one place where a kernel meets an instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::Path;

/// A vector of `LANES` float32.
///
/// # Safety
/// All functions may only be called where the instruction set is there: inside [`Kernel::run`], which [`run`] calls from a
/// function that has it enabled.
pub(crate) trait Simd: Copy {
    /// Values in a vector.
    const LANES: usize;
    /// The vector.
    type Vector: Copy;

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// `LANES` values from `from`, of any alignment.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// `LANES` values to `to`, of any alignment.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// `a * b + c`, rounded once where the hardware has it.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

/// What runs on any instruction set: `ROWS` is the height of a tile whose sums fit the registers, beside two vectors of width.
pub(crate) trait Kernel {
    /// What it answers.
    type Output;
    /// Runs it. Implementations are `#[inline(always)]`, so that they are compiled with the caller's instruction set.
    fn run<S: Simd, const ROWS: usize>(self) -> Self::Output;
}

/// Runs `kernel` with the instructions of `path`.
pub(crate) fn run<K: Kernel>(path: Path, kernel: K) -> K::Output {
    match path {
        Path::Portable => kernel.run::<portable::Portable, { portable::ROWS }>(),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Path` other than the portable one exists only where the processor was found to have it.
        Path::Avx2 => unsafe { avx2::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Path::Avx512 => unsafe { avx512::run(kernel) },
    }
}

/// Height of a tile of `path`.
pub(crate) fn tile_rows(path: Path) -> usize {
    run(path, Rows)
}

/// Width of a tile of `path`, in values.
pub(crate) fn tile_columns(path: Path) -> usize {
    run(path, Columns)
}

struct Rows;

impl Kernel for Rows {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) -> usize {
        ROWS
    }
}

struct Columns;

impl Kernel for Columns {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) -> usize {
        2 * S::LANES
    }
}

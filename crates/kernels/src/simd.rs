//! Vectors of 32 bits, and the one place where a kernel meets an instruction set and a format of factors.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
mod pairs;
mod portable;
pub(crate) mod tile;

use crate::{Format, Path};
use tile::Tile;

/// A vector of `LANES` float32.
///
/// # Safety
/// All functions may only be called where the instruction set is there: inside [`Kernel::run`], which [`run`] calls from a
/// function that has it enabled.
pub(crate) trait Simd: Copy {
    /// Values in a vector.
    const LANES: usize;
    /// Whether one instruction rounds them to bfloat16.
    const ROUNDS: bool = false;
    /// The vector.
    type Vector: Copy;
    /// What sums a tile.
    type Tile: Tile;

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// `LANES` values from `from`, of any alignment.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// `LANES` values to `to`, of any alignment.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// `a + b`, of values.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`, of values.
    unsafe fn subtract(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`, of values.
    unsafe fn multiply(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// 0 where values are negative; what is no number stays.
    unsafe fn rectify(values: Self::Vector) -> Self::Vector;
    /// The 32 bits at `from` in every lane, of any alignment.
    unsafe fn broadcast(from: *const f32) -> Self::Vector;
    /// `a * b + c`, rounded once where the hardware has it. Where lanes of `a` and `b` are pairs of bfloat16, both products are
    /// added.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Asks for the cache line at any address, which need not be there.
    #[inline(always)]
    fn prefetch(_at: *const f32) {}
    /// `LANES` bfloat16 from `from`, of any alignment, as float32.
    unsafe fn load_halves(from: *const u16) -> Self::Vector;
    /// `LANES` values rounded to bfloat16, to `to`, of any alignment.
    unsafe fn store_halves(to: *mut u16, vector: Self::Vector);
    /// Pairs of `LANES` bfloat16 from each of two places, the first in the lower half, of any alignment.
    unsafe fn pair(low: *const u16, high: *const u16) -> Self::Vector;
    /// Values rounded to bfloat16 and put side by side, those of `low` in the lower halves.
    unsafe fn narrow(low: Self::Vector, high: Self::Vector) -> Self::Vector;
    /// The bfloat16 in the lower and in the upper half of each lane, as float32.
    unsafe fn widen(pairs: Self::Vector) -> [Self::Vector; 2];
}

/// What runs on any instruction set: `ROWS` is the height of a tile whose sums fit the registers, beside two vectors of width.
/// It runs no other kernel meanwhile, nor lets the thread take up another task: tiles are one thread's, and one kernel's.
pub(crate) trait Kernel {
    /// What it answers.
    type Output;
    /// Runs it. Implementations are `#[inline(always)]`, so that they are compiled with the caller's instruction set.
    fn run<S: Simd, const ROWS: usize>(self) -> Self::Output;
}

/// Runs `kernel`, whose factors are of `format`, with the instructions of `path`.
pub(crate) fn run_of<K: Kernel>(format: Format, path: Path, kernel: K) -> K::Output {
    if format == Format::Float32 {
        return run(path, kernel);
    }
    match path {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: such a `Path` exists only where the processor was found to have it.
        Path::Amx => unsafe { amx::run(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: just found.
        Path::Avx512 if avx512_bf16::is_there() => unsafe { avx512_bf16::run(kernel) },
        _ => run(path, pairs::OfPairs(kernel)),
    }
}

/// Whether there is an instruction that multiplies pairs of bfloat16.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_pairs(path: Path) -> bool {
    path == Path::Amx || path == Path::Avx512 && avx512_bf16::is_there()
}

/// As above.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn has_pairs(_path: Path) -> bool {
    false
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
        // AMX multiplies no float32.
        Path::Avx512 | Path::Amx => unsafe { avx512::run(kernel) },
    }
}

/// Height of a tile of `path` whose factors are of `format`.
pub(crate) fn tile_rows(format: Format, path: Path) -> usize {
    match (format, path) {
        #[cfg(target_arch = "x86_64")]
        (Format::Bfloat16, Path::Amx) => amx::ROWS,
        _ => run(path, Rows),
    }
}

/// Width of a tile of `path`, in values, the same for all formats.
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

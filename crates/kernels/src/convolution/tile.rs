//! The innermost loop: a tile of `ROWS` pixels by two vectors of channels, summed in registers. What each function does, and what
//! its caller answers for, is told at [`Tile`].

use crate::simd::Simd;
pub(super) use crate::simd::tile::LINE;
use crate::simd::tile::Tile;

/// The sums of a tile.
pub(super) type Sums<S, const ROWS: usize> = <<S as Simd>::Tile as Tile>::Sums<S, ROWS>;

/// The widest tile of any instruction set.
pub(super) const WIDEST: usize = 32;

/// The tallest.
pub(super) const TALLEST: usize = 32;

/// Values between what would lie a power of two apart, and share the few places that a cache has for it.
pub(super) const GAP: usize = LINE;

/// A tile of zeros.
///
/// # Safety
/// As [`Tile::zeros`].
#[inline(always)]
pub(super) unsafe fn zeros<S: Simd, const ROWS: usize>() -> Sums<S, ROWS> {
    // SAFETY: the caller's.
    unsafe { S::Tile::zeros::<S, ROWS>() }
}

/// Adds `rows[r][k * step] * matrix[k][..]` over `count` values of `k` to each row `r` of the tile.
///
/// # Safety
/// As [`Tile::multiply`].
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd, const ROWS: usize>(
    sums: &mut Sums<S, ROWS>,
    rows: (&[*const f32; ROWS], usize),
    matrix: *const f32,
    count: usize,
    ahead: *const f32,
) {
    // SAFETY: the caller's.
    unsafe { S::Tile::multiply::<S, ROWS>(sums, rows, matrix, count, ahead) };
}

/// Reads a tile.
///
/// # Safety
/// As [`Tile::load`].
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> Sums<S, ROWS> {
    // SAFETY: the caller's.
    unsafe { S::Tile::load::<S, ROWS>(from) }
}

/// The sums, where they are in vectors.
#[inline(always)]
pub(super) fn vectors<S: Simd, const ROWS: usize>(sums: &Sums<S, ROWS>) -> Option<&[[S::Vector; 2]; ROWS]> {
    S::Tile::vectors::<S, ROWS>(sums)
}

/// Writes a tile.
///
/// # Safety
/// As [`Tile::store`].
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const ROWS: usize>(to: &[*mut f32; ROWS], sums: &Sums<S, ROWS>) {
    // SAFETY: the caller's.
    unsafe { S::Tile::store::<S, ROWS>(to, sums) };
}

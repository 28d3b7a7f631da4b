//! The innermost loop: a tile of `ROWS` pixels by two vectors of channels, summed in registers.

use crate::simd::Simd;

/// The sums of a tile.
pub(super) type Sums<S, const ROWS: usize> = [[<S as Simd>::Vector; 2]; ROWS];

/// Values of a cache line: as many columns are packed or gathered at a time.
pub(super) const LINE: usize = 16;

/// The widest tile of any instruction set.
pub(super) const WIDEST: usize = 32;

/// Values between what would lie a power of two apart, and share the few places that a cache has for it.
pub(super) const GAP: usize = LINE;

/// A tile of zeros.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
pub(super) unsafe fn zeros<S: Simd, const ROWS: usize>() -> Sums<S, ROWS> {
    // SAFETY: the caller's.
    [[unsafe { S::splat(0.0) }; 2]; ROWS]
}

/// Adds `rows[r][k * step] * matrix[k][..]` over `count` values of `k` to each row `r` of the tile. Meanwhile as many cache
/// lines from `ahead` on are asked for.
///
/// # Safety
/// The instruction set is there; `(count - 1) * step + 1` values are readable from each row, and `count` times a tile's
/// width from `matrix`.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd, const ROWS: usize>(
    sums: &mut Sums<S, ROWS>,
    (rows, step): (&[*const f32; ROWS], usize),
    mut matrix: *const f32,
    count: usize,
    ahead: *const f32,
) {
    for k in 0..count {
        S::prefetch(ahead.wrapping_add(k * LINE));
        // SAFETY: the caller's.
        unsafe {
            let (low, high) = (S::load(matrix), S::load(matrix.add(S::LANES)));
            matrix = matrix.add(2 * S::LANES);
            for row in 0..ROWS {
                let value = S::broadcast(rows[row].add(k * step));
                sums[row][0] = S::multiply_add(value, low, sums[row][0]);
                sums[row][1] = S::multiply_add(value, high, sums[row][1]);
            }
        }
    }
}

/// Reads a tile whose row `r` begins at `from[r]`.
///
/// # Safety
/// The instruction set is there, and a tile's width is readable from each row.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> Sums<S, ROWS> {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = zeros::<S, ROWS>();
        for row in 0..ROWS {
            sums[row] = [S::load(from[row]), S::load(from[row].add(S::LANES))];
        }
        sums
    }
}

/// Writes a tile.
///
/// # Safety
/// The instruction set is there, and a tile's width is writable at each row.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const ROWS: usize>(to: &[*mut f32; ROWS], sums: &Sums<S, ROWS>) {
    for row in 0..ROWS {
        // SAFETY: the caller's.
        unsafe {
            S::store(to[row], sums[row][0]);
            S::store(to[row].add(S::LANES), sums[row][1]);
        }
    }
}

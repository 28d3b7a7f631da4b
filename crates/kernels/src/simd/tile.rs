//! A tile of sums: `ROWS` pixels by two vectors of channels, kept in vectors or where an instruction set has a place of its own.

use super::Simd;

/// Values of a cache line: as many columns are packed or gathered at a time.
pub(crate) const LINE: usize = 16;

/// How an instruction set sums the tile of [`crate::convolution`]'s innermost loop.
///
/// # Safety
/// The instruction set is there, and `ROWS` is the height that [`super::Kernel::run`] has of it, or one that a kernel chose for
/// those whose tiles are [`Vectors`]. A thread has one tile at a time: where sums are in registers of their own, the next that
/// is begun takes the place of the last.
pub(crate) trait Tile: Copy {
    /// The sums.
    type Sums<S: Simd, const ROWS: usize>;

    /// Whether `step` must be 1: a left side whose rows lie side by side is turned first.
    const TURNS: bool = false;

    /// Writes the columns of a matrix, as many as some tiles have rows, as rows. Beside each pointer stands how far apart rows
    /// are; those that are written are filled up to a whole [`LINE`] and have room for it. Called only where
    /// [`Tile::TURNS`] is.
    unsafe fn turn(_from: (*const f32, usize), _rows_and_columns: [usize; 2], _to: (*mut f32, usize)) {}

    /// A tile of zeros.
    unsafe fn zeros<S: Simd, const ROWS: usize>() -> Self::Sums<S, ROWS>;

    /// Reads a tile whose row `r` begins at `from[r]`, where its width is readable. Rows are evenly far apart.
    unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> Self::Sums<S, ROWS>;

    /// Adds `rows[r][k * step] * matrix[k][..]` over `count` values of `k` to each row `r` of the tile. Meanwhile as many
    /// cache lines from `ahead` on are asked for.
    ///
    /// `(count - 1) * step + 1` values are readable from each row, and `count` times the tile's width from `matrix`.
    unsafe fn multiply<S: Simd, const ROWS: usize>(
        sums: &mut Self::Sums<S, ROWS>,
        rows: (&[*const f32; ROWS], usize),
        matrix: *const f32,
        count: usize,
        ahead: *const f32,
    );

    /// The sums, where they are in vectors.
    fn vectors<S: Simd, const ROWS: usize>(sums: &Self::Sums<S, ROWS>) -> Option<&[[S::Vector; 2]; ROWS]>;

    /// Writes a tile whose row `r` begins at `to[r]`, where its width is writable. Rows are evenly far apart.
    unsafe fn store<S: Simd, const ROWS: usize>(to: &[*mut f32; ROWS], sums: &Self::Sums<S, ROWS>);
}

/// Sums in as many vectors.
#[derive(Clone, Copy)]
pub(crate) struct Vectors;

impl Tile for Vectors {
    type Sums<S: Simd, const ROWS: usize> = [[S::Vector; 2]; ROWS];

    #[inline(always)]
    unsafe fn zeros<S: Simd, const ROWS: usize>() -> [[S::Vector; 2]; ROWS] {
        // SAFETY: the caller's.
        [[unsafe { S::splat(0.0) }; 2]; ROWS]
    }

    #[inline(always)]
    unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> [[S::Vector; 2]; ROWS] {
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [[S::splat(0.0); 2]; ROWS];
            for row in 0..ROWS {
                sums[row] = [S::load(from[row]), S::load(from[row].add(S::LANES))];
            }
            sums
        }
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize>(
        sums: &mut [[S::Vector; 2]; ROWS],
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

    #[inline(always)]
    fn vectors<S: Simd, const ROWS: usize>(sums: &[[S::Vector; 2]; ROWS]) -> Option<&[[S::Vector; 2]; ROWS]> {
        Some(sums)
    }

    #[inline(always)]
    unsafe fn store<S: Simd, const ROWS: usize>(to: &[*mut f32; ROWS], sums: &[[S::Vector; 2]; ROWS]) {
        for row in 0..ROWS {
            // SAFETY: the caller's.
            unsafe {
                S::store(to[row], sums[row][0]);
                S::store(to[row].add(S::LANES), sums[row][1]);
            }
        }
    }
}

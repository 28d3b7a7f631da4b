//! Turning a matrix: what is summed over is brought side by side, as a register's rows have it.

use core::arch::x86_64::{
    __m512, _mm_loadu_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castps128_ps512, _mm512_insertf32x4,
    _mm512_setzero_ps, _mm512_storeu_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd,
    _mm512_unpacklo_ps,
};

use super::SIDE;

/// Writes the columns of a matrix as rows, which are filled up with zeros to a multiple of 16. Beside each pointer stands how
/// far apart rows are.
///
/// # Safety
/// AVX-512F is there, the matrix is readable and has a multiple of 16 columns, and there is room for the rows.
#[inline(always)]
pub(super) unsafe fn turn(
    (from, step): (*const f32, usize),
    [rows, columns]: [usize; 2],
    (to, width): (*mut f32, usize),
) {
    debug_assert!(columns.is_multiple_of(SIDE));
    for row in (0..rows).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE) {
            // SAFETY: the caller's.
            unsafe {
                let from = from.add(row * step + column);
                square((from, step), SIDE.min(rows - row), (to.add(column * width + row), width));
            }
        }
    }
}

/// Turns `valid` rows of 16 slots into columns, with zeros behind them.
///
/// Vectors are put together of quarters of four rows, which needs no shuffle, so that only those inside of quarters are left:
/// one port of Intel's processors does them all.
///
/// # Safety
/// AVX-512F is there, the rows are readable, and `to` has room for 16 rows of 16 slots.
#[inline(always)]
unsafe fn square((from, step): (*const f32, usize), valid: usize, (to, width): (*mut f32, usize)) {
    static ZEROS: [f32; SIDE] = [0.0; SIDE];
    let mut rows = [ZEROS.as_ptr(); SIDE];
    for (index, row) in rows.iter_mut().enumerate().take(valid) {
        *row = from.wrapping_add(index * step);
    }
    for column in (0..SIDE).step_by(4) {
        // SAFETY: the caller's.
        unsafe {
            let mut lines = [_mm512_setzero_ps(); 4];
            for line in 0..4 {
                lines[line] = quarters(
                    rows[line].add(column),
                    rows[line + 4].add(column),
                    rows[line + 8].add(column),
                    rows[line + 12].add(column),
                );
            }
            let [low, high] = [
                [_mm512_unpacklo_ps(lines[0], lines[1]), _mm512_unpacklo_ps(lines[2], lines[3])],
                [_mm512_unpackhi_ps(lines[0], lines[1]), _mm512_unpackhi_ps(lines[2], lines[3])],
            ];
            for (index, [even, odd]) in [low, high].into_iter().enumerate() {
                let (even, odd) = (_mm512_castps_pd(even), _mm512_castps_pd(odd));
                let to = to.add((column + 2 * index) * width);
                _mm512_storeu_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(even, odd)));
                _mm512_storeu_ps(to.add(width), _mm512_castpd_ps(_mm512_unpackhi_pd(even, odd)));
            }
        }
    }
}

/// Four values from each place.
///
/// # Safety
/// AVX-512F is there, and the values are.
#[inline(always)]
unsafe fn quarters(a: *const f32, b: *const f32, c: *const f32, d: *const f32) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        let vector = _mm512_castps128_ps512(_mm_loadu_ps(a));
        let vector = _mm512_insertf32x4::<1>(vector, _mm_loadu_ps(b));
        let vector = _mm512_insertf32x4::<2>(vector, _mm_loadu_ps(c));
        _mm512_insertf32x4::<3>(vector, _mm_loadu_ps(d))
    }
}

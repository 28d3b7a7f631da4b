//! A tile of sums in registers of AMX. They are read from where rows are, if these are evenly far apart, and from a copy in the
//! first-level cache if not.

use core::arch::x86_64::{
    __m512, _mm_loadu_ps, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castps128_ps512, _mm512_insertf32x4,
    _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};
use core::mem::MaybeUninit;

use super::instructions::{self, Place, WIDTH};
use super::{ROWS as TALL, SIDE};
use crate::simd::Simd;
use crate::simd::tile::{LINE, Tile};

/// Sums that the registers hold: this says only that they do.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Registers;

/// Room for so many values, which is written before it is read.
#[repr(align(64))]
struct Scratch<const N: usize>(MaybeUninit<[f32; N]>);

impl<const N: usize> Scratch<N> {
    #[inline(always)]
    const fn new() -> Self {
        Scratch(MaybeUninit::uninit())
    }

    #[inline(always)]
    fn start(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

/// Values of a register.
const REGISTER: usize = SIDE * SIDE;

/// The rows of the upper and of the lower registers.
///
/// # Panics
/// Another height than the registers have: such kernels are compiled, and never run.
#[inline(always)]
fn halves<T: Copy, const ROWS: usize>(rows: &[T; ROWS]) -> [&[T; SIDE]; 2] {
    assert!(ROWS == TALL, "a tile of AMX has 32 rows");
    let start = rows.as_ptr().cast::<[T; SIDE]>();
    // SAFETY: as many rows are there.
    unsafe { [&*start, &*start.add(1)] }
}

/// Bytes from row to row, where they are evenly far apart.
#[inline(always)]
fn stride(rows: [*const f32; SIDE]) -> Option<usize> {
    let stride = rows[1].addr().wrapping_sub(rows[0].addr());
    let mut is_even = true;
    // All of them: vectors compare faster than a loop leaves.
    for row in 2..SIDE {
        is_even &= rows[row].addr() == rows[0].addr().wrapping_add(stride.wrapping_mul(row));
    }
    is_even.then_some(stride)
}

/// The left side.
struct Left<'a> {
    rows: [&'a [*const f32; SIDE]; 2],
    step: usize,
    /// Where a register can read rows as they lie.
    strides: [Option<usize>; 2],
    count: usize,
}

impl<'a> Left<'a> {
    #[inline(always)]
    fn new<const ROWS: usize>((rows, step): (&'a [*const f32; ROWS], usize), count: usize) -> Self {
        let rows = halves(rows);
        let strides = match step {
            1 => [stride(*rows[0]), stride(*rows[1])],
            _ => [None; 2],
        };
        Left { rows, step, strides, count }
    }

    /// Where both registers find `SIDE` slots from `k` on, or those that are left and zeros; perhaps in `scratch`.
    ///
    /// # Safety
    /// AVX-512F is there, the rows have `count` slots, and `scratch` has room for two registers.
    #[inline(always)]
    unsafe fn at(&self, k: usize, scratch: *mut f32) -> [Place; 2] {
        let valid = SIDE.min(self.count - k);
        let mut places = [Place { first: scratch, stride: SIDE * size_of::<f32>() }; 2];
        for (half, place) in places.iter_mut().enumerate() {
            let rows = self.rows[half];
            // SAFETY: the caller's.
            unsafe {
                if let Some(stride) = self.strides[half].filter(|_| valid == SIDE) {
                    *place = Place { first: rows[0].add(k), stride };
                    continue;
                }
                let to = scratch.add(half * REGISTER);
                place.first = to;
                match self.step {
                    1 => copy(rows, k, valid, to),
                    step => turn(rows[0].add(k * step), step, valid, to),
                }
            }
        }
        places
    }
}

/// Copies `valid` slots of each row from `k` on, with zeros behind them.
///
/// # Safety
/// AVX-512F is there, rows have the slots, and `to` has room for a register.
#[inline(always)]
unsafe fn copy(rows: &[*const f32; SIDE], k: usize, valid: usize, to: *mut f32) {
    let mask = u16::MAX >> (SIDE - valid);
    for (index, row) in rows.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { _mm512_storeu_ps(to.add(index * SIDE), _mm512_maskz_loadu_ps(mask, row.add(k))) };
    }
}

/// Turns `valid` rows of 16 slots that are `step` apart into columns, with zeros behind them.
///
/// Vectors are put together of quarters of four rows, which needs no shuffle, so that only those inside of quarters are left:
/// one port of Intel's processors does them all.
///
/// # Safety
/// AVX-512F is there, the rows are readable, and `to` has room for a register.
#[inline(always)]
unsafe fn turn(from: *const f32, step: usize, valid: usize, to: *mut f32) {
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
                let to = to.add((column + 2 * index) * SIDE);
                _mm512_storeu_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(even, odd)));
                _mm512_storeu_ps(to.add(SIDE), _mm512_castpd_ps(_mm512_unpackhi_pd(even, odd)));
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

/// Rows of half a tile that lies together.
#[inline(always)]
fn together(start: *mut f32) -> [*mut f32; SIDE] {
    std::array::from_fn(|row| start.wrapping_add(row * 2 * SIDE))
}

/// Copies half a tile.
///
/// # Safety
/// AVX-512F is there, and both have the rows.
#[inline(always)]
unsafe fn copy_tile(from: &[*mut f32; SIDE], to: &[*mut f32; SIDE]) {
    for (&from, &to) in from.iter().zip(to) {
        // SAFETY: the caller's.
        unsafe {
            let both = [_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(SIDE))];
            _mm512_storeu_ps(to, both[0]);
            _mm512_storeu_ps(to.add(SIDE), both[1]);
        }
    }
}

/// Copies the last `valid` rows of the right side, with rows of zeros behind them: what lies there may be no number, and 0 times
/// that is none either.
///
/// # Safety
/// AVX-512F is there, rows are readable, and `to` has room for two registers.
#[inline(always)]
unsafe fn last(from: *const f32, valid: usize, to: *mut f32) {
    for at in (0..2 * REGISTER).step_by(SIDE) {
        // SAFETY: the caller's.
        unsafe {
            let row = match at < 2 * SIDE * valid {
                true => _mm512_loadu_ps(from.add(at)),
                false => _mm512_setzero_ps(),
            };
            _mm512_storeu_ps(to.add(at), row);
        }
    }
}

impl Tile for Registers {
    type Sums<S: Simd, const ROWS: usize> = Registers;

    #[inline(always)]
    unsafe fn zeros<S: Simd, const ROWS: usize>() -> Registers {
        // SAFETY: configured where kernels are run.
        unsafe { instructions::zero() };
        Registers
    }

    #[inline(always)]
    unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> Registers {
        let mut scratch = Scratch::<{ 4 * REGISTER }>::new();
        let mut places = [Place { first: scratch.start(), stride: WIDTH }; 2];
        for (half, (place, rows)) in places.iter_mut().zip(halves(from)).enumerate() {
            if let Some(stride) = stride(rows.map(<*mut f32>::cast_const)) {
                *place = Place { first: rows[0], stride };
                continue;
            }
            let own = together(scratch.start().wrapping_add(half * 2 * REGISTER));
            place.first = own[0];
            // SAFETY: the caller's; the scratch has room for half of the tile.
            unsafe { copy_tile(rows, &own) };
        }
        // SAFETY: configured where kernels are run.
        unsafe { instructions::load(places) };
        Registers
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize>(
        _sums: &mut Registers,
        rows: (&[*const f32; ROWS], usize),
        matrix: *const f32,
        count: usize,
        ahead: *const f32,
    ) {
        let mut scratch = [const { Scratch::<{ 2 * REGISTER }>::new() }; 3];
        let left = Left::new(rows, count);
        // SAFETY: the caller's; a slot is a pair.
        unsafe {
            let mut next = left.at(0, scratch[0].start());
            for k in (0..count).step_by(SIDE) {
                for line in k..count.min(k + SIDE) {
                    S::prefetch(ahead.wrapping_add(line * LINE));
                }
                let places = next;
                // What is copied now is read when it has arrived in the cache: registers are not read from stores that are on
                // their way.
                if k + SIDE < count {
                    next = left.at(k + SIDE, scratch[(k / SIDE + 1) % 2].start());
                }
                let mut right = matrix.add(k * 2 * SIDE);
                if count - k < SIDE {
                    let to = scratch[2].start();
                    last(right, count - k, to);
                    right = to;
                }
                instructions::multiply(places, right);
            }
        }
    }

    #[inline(always)]
    fn vectors<S: Simd, const ROWS: usize>(_sums: &Registers) -> Option<&[[S::Vector; 2]; ROWS]> {
        None
    }

    #[inline(always)]
    unsafe fn store<S: Simd, const ROWS: usize>(to: &[*mut f32; ROWS], _sums: &Registers) {
        let mut scratch = Scratch::<{ 4 * REGISTER }>::new();
        let start = scratch.start();
        let own = [together(start), together(start.wrapping_add(2 * REGISTER))];
        let rows = halves(to);
        let mut places = own.map(|own| Place { first: own[0].cast_const(), stride: WIDTH });
        let mut is_copied = [true; 2];
        for half in 0..2 {
            if let Some(stride) = stride(rows[half].map(<*mut f32>::cast_const)) {
                places[half] = Place { first: rows[half][0], stride };
                is_copied[half] = false;
            }
        }
        // SAFETY: configured where kernels are run; the rest is the caller's.
        unsafe {
            instructions::store(places);
            for half in (0..2).filter(|&half| is_copied[half]) {
                copy_tile(&own[half], rows[half]);
            }
        }
    }
}

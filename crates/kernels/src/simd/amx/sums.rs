//! A tile of sums in registers of AMX. Rows of the left side are read where they are, if they are evenly far apart (patches,
//! pixels that follow each other), and from a copy in the first-level cache if not.

use core::arch::x86_64::{_mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps, _mm512_storeu_ps};
use core::mem::MaybeUninit;

use super::instructions::{self, Place};
use super::{ROWS as TALL, SIDE, turn};
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
fn stride(rows: &[*const f32; SIDE]) -> Option<usize> {
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
    /// Where a register can read rows as they lie.
    strides: [Option<usize>; 2],
    count: usize,
}

impl<'a> Left<'a> {
    #[inline(always)]
    fn new<const ROWS: usize>(rows: &'a [*const f32; ROWS], count: usize) -> Self {
        let rows = halves(rows);
        Left { rows, strides: [stride(rows[0]), stride(rows[1])], count }
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
                copy(rows, k, valid, to);
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
    let mask = ((1u32 << valid) - 1) as u16;
    for (index, row) in rows.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { _mm512_storeu_ps(to.add(index * SIDE), _mm512_maskz_loadu_ps(mask, row.add(k))) };
    }
}

/// Where the sums of rows that are evenly far apart lie.
#[inline(always)]
fn places<const ROWS: usize>(rows: &[*mut f32; ROWS]) -> [Place; 2] {
    let [upper, lower] = halves(rows);
    let stride = rows[1].addr().wrapping_sub(rows[0].addr());
    debug_assert!((2..ROWS).all(|row| rows[row].addr() == rows[row - 1].addr().wrapping_add(stride)));
    [Place { first: upper[0], stride }, Place { first: lower[0], stride }]
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

    const TURNS: bool = true;

    #[inline(always)]
    unsafe fn turn(from: (*const f32, usize), rows_and_columns: [usize; 2], to: (*mut f32, usize)) {
        // SAFETY: the caller's; columns are those of whole tiles.
        unsafe { turn::turn(from, rows_and_columns, to) };
    }

    #[inline(always)]
    unsafe fn zeros<S: Simd, const ROWS: usize>() -> Registers {
        // SAFETY: configured where kernels are run.
        unsafe { instructions::zero() };
        Registers
    }

    #[inline(always)]
    unsafe fn load<S: Simd, const ROWS: usize>(from: &[*mut f32; ROWS]) -> Registers {
        // SAFETY: configured where kernels are run; the rest is the caller's.
        unsafe { instructions::load(places(from)) };
        Registers
    }

    #[inline(always)]
    unsafe fn multiply<S: Simd, const ROWS: usize>(
        _sums: &mut Registers,
        (rows, step): (&[*const f32; ROWS], usize),
        matrix: *const f32,
        count: usize,
        ahead: *const f32,
    ) {
        let mut scratch = [const { Scratch::<{ 2 * REGISTER }>::new() }; 3];
        debug_assert_eq!(step, 1);
        let left = Left::new(rows, count);
        // SAFETY: the caller's; a slot is a pair.
        unsafe {
            let mut next = left.at(0, scratch[0].start());
            for k in (0..count).step_by(SIDE) {
                for line in k..count.min(k + SIDE) {
                    S::prefetch(ahead.wrapping_add(line * LINE));
                }
                let places = next;
                // What is copied now is read a step later, so that no register waits for stores on their way to the cache.
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
        // SAFETY: configured where kernels are run; the rest is the caller's.
        unsafe { instructions::store(places(to)) };
    }
}

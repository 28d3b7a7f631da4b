//! Squares of pixels, transformed into rows of planes.
//!
//! In bfloat16 values are widened, transformed, and rounded again, two to a slot: those of two channels for a sum over channels,
//! those of two patches for a sum over patches.

use std::ops::Range;

use super::transform::Transform;
use super::{PRODUCTS, Patches};
use crate::convolution::planes::Planes;
use crate::format::Factors;
use crate::simd::Simd;

type Square<S, const N: usize> = [[<S as Simd>::Vector; N]; N];

/// Images that are read in squares.
#[derive(Clone, Copy)]
pub(super) struct Squares<'a> {
    pub(super) patches: Patches,
    pub(super) from: Factors<'a>,
    /// Of a pixel.
    pub(super) channels: usize,
    /// As many, for what is outside of an image.
    pub(super) zeros: &'a [f32],
}

/// Writes a vector into each plane.
///
/// # Safety
/// The instruction set is there, and a vector's width from the place on.
#[inline(always)]
unsafe fn put<S: Simd>(to: &mut Planes, (row, column): (usize, usize), products: Square<S, 4>) {
    for plane in 0..PRODUCTS {
        // SAFETY: the caller's.
        unsafe { S::store(to.at(plane, row, column), products[plane / 4][plane % 4]) };
    }
}

/// Two squares in one, rounded.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn narrow<S: Simd>([low, high]: [Square<S, 4>; 2]) -> Square<S, 4> {
    let mut pairs = low;
    for product in 0..PRODUCTS {
        let (row, column) = (product / 4, product % 4);
        // SAFETY: the caller's.
        pairs[row][column] = unsafe { S::narrow(low[row][column], high[row][column]) };
    }
    pairs
}

/// Vectors of a square.
///
/// # Safety
/// The instruction set is there, and a vector's width from the slot on.
#[inline(always)]
unsafe fn load<S: Simd, const N: usize>(starts: &[[*const f32; N]; N], slot: usize) -> Square<S, N> {
    // SAFETY: the caller's.
    unsafe {
        let mut square = [[S::splat(0.0); N]; N];
        for y in 0..N {
            for x in 0..N {
                square[y][x] = S::load(starts[y][x].add(slot));
            }
        }
        square
    }
}

/// The lower and the upper halves.
///
/// # Safety
/// As above.
#[inline(always)]
unsafe fn widen<S: Simd, const N: usize>(starts: &[[*const f32; N]; N], slot: usize) -> [Square<S, N>; 2] {
    // SAFETY: the caller's.
    unsafe {
        let pairs = load::<S, N>(starts, slot);
        let mut both = [pairs; 2];
        for y in 0..N {
            for x in 0..N {
                [both[0][y][x], both[1][y][x]] = S::widen(pairs[y][x]);
            }
        }
        both
    }
}

impl Squares<'_> {
    /// Where the pixels of a patch begin.
    #[inline(always)]
    fn starts<const N: usize, T: Transform<N>>(&self, patch: usize) -> [[*const f32; N]; N] {
        let slots = self.from.format().slots(self.channels);
        let mut starts = [[self.zeros.as_ptr(); N]; N];
        for (starts, pixels) in starts.iter_mut().zip(T::pixels(self.patches, patch)) {
            for (start, pixel) in starts.iter_mut().zip(pixels) {
                if let Some(pixel) = pixel {
                    *start = self.from.slots().as_ptr().wrapping_add(pixel * slots);
                }
            }
        }
        starts
    }

    /// For sums over channels: a row for each patch, of all channels, in bfloat16 in pairs.
    ///
    /// # Safety
    /// The instruction set is there, the planes have the places, and slots are whole vectors.
    #[inline(always)]
    pub(super) unsafe fn by_channel<S: Simd, const N: usize, T: Transform<N>>(
        &self,
        patches: Range<usize>,
        to: &mut Planes,
    ) {
        for (row, patch) in patches.enumerate() {
            let starts = self.starts::<N, T>(patch);
            for slot in (0..self.from.format().slots(self.channels)).step_by(S::LANES) {
                // SAFETY: the caller's; a pixel has all slots.
                unsafe {
                    let products = match self.from {
                        Factors::Float32(_) => T::of::<S>(load::<S, N>(&starts, slot)),
                        Factors::Bfloat16(_) => {
                            let [low, high] = widen::<S, N>(&starts, slot);
                            narrow::<S>([T::of::<S>(low), T::of::<S>(high)])
                        }
                    };
                    put::<S>(to, (row, slot), products);
                }
            }
        }
    }

    /// For sums over patches: a row for each, in bfloat16 for each two, of some channels, where `place` says; those of a slot are a vector apart then
    /// ([`column`]).
    ///
    /// # Safety
    /// The instruction set is there, the planes have the places, and channels are whole slots and vectors.
    #[inline(always)]
    pub(super) unsafe fn by_patch<S: Simd, const N: usize, T: Transform<N>>(
        &self,
        patches: Range<usize>,
        channels: &Range<usize>,
        place: impl Fn(usize, usize) -> (usize, usize),
        to: &mut Planes,
    ) {
        if let Factors::Float32(_) = self.from {
            for (row, patch) in patches.enumerate() {
                let starts = self.starts::<N, T>(patch);
                for column in (0..channels.len()).step_by(S::LANES) {
                    // SAFETY: the caller's; a pixel has the channels.
                    unsafe {
                        let products = T::of::<S>(load::<S, N>(&starts, channels.start + column));
                        put::<S>(to, place(row, column), products);
                    }
                }
            }
            return;
        }
        for (row, patch) in patches.clone().step_by(2).enumerate() {
            let first = self.starts::<N, T>(patch);
            let second = match patch + 1 < patches.end {
                true => self.starts::<N, T>(patch + 1),
                false => [[self.zeros.as_ptr(); N]; N],
            };
            for column in (0..channels.len()).step_by(2 * S::LANES) {
                let slot = (channels.start + column) / 2;
                // SAFETY: as above.
                unsafe {
                    let [low, high] = [widen::<S, N>(&first, slot), widen::<S, N>(&second, slot)];
                    put::<S>(to, place(row, column), narrow::<S>([T::of::<S>(low[0]), T::of::<S>(high[0])]));
                    put::<S>(
                        to,
                        place(row, column + S::LANES),
                        narrow::<S>([T::of::<S>(low[1]), T::of::<S>(high[1])]),
                    );
                }
            }
        }
    }
}

/// The column of a channel where even and odd ones are a vector apart.
#[inline(always)]
pub(super) fn column<S: Simd>(channel: usize) -> usize {
    let at = channel % (2 * S::LANES);
    channel - at + at % 2 * S::LANES + at / 2
}

//! Mean and variance of each channel.

use rayon::prelude::*;

use super::Cut;
use crate::buffer::Plain;
use crate::error::fits;
use crate::format::Element;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Path, ShapeError};

/// Of each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// The mean.
    pub mean: Vec<f32>,
    /// The biased variance.
    pub variance: Vec<f32>,
}

/// Mean and variance of each channel of `[pixels, channels]`.
///
/// # Errors
/// No channels, or a number of values that they do not divide.
pub fn statistics(path: Path, x: Factors<'_>, channels: usize) -> Result<Statistics, ShapeError> {
    fits("the number of channels", channels, channels.max(1))?;
    fits("the number of values, modulo the channels", x.len() % channels.max(1), 0)?;
    Ok(match x {
        Factors::Float32(x) => of(path, x, channels),
        Factors::Bfloat16(x) => of(path, x.whole()?, channels),
    })
}

fn of<E: Element>(path: Path, x: &[E], channels: usize) -> Statistics {
    let cut = Cut::new(x.len(), channels);
    let mut pieces = Buffer::zeros(x.len().div_ceil(cut.piece) * 3 * cut.columns);
    pieces
        .par_chunks_exact_mut(3 * cut.columns)
        .zip(x.par_chunks(cut.piece))
        .for_each(|(to, x)| simd::run(path, Piece { x, columns: cut.columns, to }));
    let mut totals = Buffer::<Total>::zeros(channels);
    for (piece, x) in pieces.chunks_exact(3 * cut.columns).zip(x.chunks(cut.piece)) {
        let rows = (x.len() / cut.columns) as f64;
        for column in 0..cut.columns {
            let [mean, rest, squares] = [0, 1, 2].map(|of| f64::from(piece[of * cut.columns + column]));
            let missing = rest / rows;
            totals[column % channels].add(rows, mean + missing, squares - missing * rest);
        }
    }
    let mean = totals.iter().map(|total| total.mean as f32).collect();
    let variance = totals.iter().map(|total| (total.squares / total.count.max(1.0)) as f32).collect();
    Statistics { mean, variance }
}

/// Count, mean and squared deviations of what was added.
#[derive(Clone, Copy, Default)]
struct Total {
    count: f64,
    mean: f64,
    squares: f64,
}

// SAFETY: three numbers, without padding.
unsafe impl Plain for Total {}

impl Total {
    /// Chan, Golub and LeVeque's update (1979) for parts of any size.
    fn add(&mut self, count: f64, mean: f64, squares: f64) {
        let (all, apart) = (self.count + count, mean - self.mean);
        self.mean += apart * count / all;
        self.squares += squares + apart * apart * self.count * count / all;
        self.count = all;
    }
}

/// Means of the columns of a piece as float32 has them, the sums of what deviates from these, and of its squares.
struct Piece<'a, E> {
    x: &'a [E],
    columns: usize,
    /// Where the three go, which are 0.
    to: &'a mut [f32],
}

impl<E: Element> Kernel for Piece<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Piece { x, columns, to } = self;
        let (mean, rest) = to.split_at_mut(columns);
        let (rest, squares) = rest.split_at_mut(columns);
        let values = Values { x, columns };
        let rows = (x.len() / columns) as f32;
        let mut at = 0;
        // SAFETY: called with the instruction set; the columns of each block are there.
        unsafe {
            while at + 8 * S::LANES <= columns {
                values.sums::<S, 8>(at, mean);
                at += 8 * S::LANES;
            }
            while at + S::LANES <= columns {
                values.sums::<S, 1>(at, mean);
                at += S::LANES;
            }
        }
        for row in x.chunks_exact(columns) {
            for column in at..columns {
                mean[column] += row[column].get();
            }
        }
        for mean in &mut *mean {
            *mean /= rows;
        }
        at = 0;
        // SAFETY: as above.
        unsafe {
            while at + 4 * S::LANES <= columns {
                values.deviations::<S, 4>(at, mean, [rest, squares]);
                at += 4 * S::LANES;
            }
            while at + S::LANES <= columns {
                values.deviations::<S, 1>(at, mean, [rest, squares]);
                at += S::LANES;
            }
        }
        for row in x.chunks_exact(columns) {
            for column in at..columns {
                let apart = row[column].get() - mean[column];
                rest[column] += apart;
                squares[column] += apart * apart;
            }
        }
    }
}

/// The values of a piece.
#[derive(Clone, Copy)]
struct Values<'a, E> {
    x: &'a [E],
    columns: usize,
}

impl<E: Element> Values<'_, E> {
    /// Sums of `N` vectors of columns, in registers.
    ///
    /// # Safety
    /// The instruction set is there, and the columns.
    #[inline(always)]
    unsafe fn sums<S: Simd, const N: usize>(&self, first: usize, to: &mut [f32]) {
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [S::splat(0.0); N];
            for row in self.x.chunks_exact(self.columns) {
                let from = row.as_ptr().add(first);
                for nth in 0..N {
                    sums[nth] = S::add(sums[nth], E::load::<S>(from.add(nth * S::LANES)));
                }
            }
            for nth in 0..N {
                S::store(to.as_mut_ptr().add(first + nth * S::LANES), sums[nth]);
            }
        }
    }

    /// Sums of what deviates from the means, and of its squares.
    ///
    /// # Safety
    /// As [`Values::sums`].
    #[inline(always)]
    unsafe fn deviations<S: Simd, const N: usize>(
        &self,
        first: usize,
        mean: &[f32],
        [rest, squares]: [&mut [f32]; 2],
    ) {
        // SAFETY: the caller's.
        unsafe {
            let (mut sums, mut of_squares) = ([S::splat(0.0); N], [S::splat(0.0); N]);
            let mut means = sums;
            for nth in 0..N {
                means[nth] = S::load(mean.as_ptr().add(first + nth * S::LANES));
            }
            for row in self.x.chunks_exact(self.columns) {
                let from = row.as_ptr().add(first);
                for nth in 0..N {
                    let apart = S::subtract(E::load::<S>(from.add(nth * S::LANES)), means[nth]);
                    sums[nth] = S::add(sums[nth], apart);
                    of_squares[nth] = S::multiply_add(apart, apart, of_squares[nth]);
                }
            }
            for nth in 0..N {
                S::store(rest.as_mut_ptr().add(first + nth * S::LANES), sums[nth]);
                S::store(squares.as_mut_ptr().add(first + nth * S::LANES), of_squares[nth]);
            }
        }
    }
}

//! Mean and variance of each channel.

use rayon::prelude::*;

use super::Cut;
use crate::error::fits;
use crate::format::Element;
use crate::simd::{self, Kernel, Simd};
use crate::{Factors, Path, ShapeError};

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
/// A number of values that the channels do not divide.
pub fn statistics(path: Path, x: Factors<'_>, channels: usize) -> Result<Statistics, ShapeError> {
    fits("the number of values, modulo the channels", x.len() % channels.max(1), 0)?;
    Ok(match x {
        Factors::Float32(x) => of(path, x, channels),
        Factors::Bfloat16(x) => of(path, x.whole()?, channels),
    })
}

fn of<E: Element>(path: Path, x: &[E], channels: usize) -> Statistics {
    let cut = Cut::new(x.len(), channels);
    let pieces: Vec<[Vec<f32>; 3]> =
        x.par_chunks(cut.piece).map(|x| simd::run(path, Piece { x, columns: cut.columns })).collect();
    let mut totals = vec![Total::default(); channels];
    for (piece, x) in pieces.iter().zip(x.chunks(cut.piece)) {
        let rows = (x.len() / cut.columns) as f64;
        for column in 0..cut.columns {
            let [mean, rest, squares] = [0, 1, 2].map(|of| f64::from(piece[of][column]));
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
}

impl<E: Element> Kernel for Piece<'_, E> {
    type Output = [Vec<f32>; 3];

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) -> [Vec<f32>; 3] {
        let columns = self.columns;
        let [mut mean, mut rest, mut squares] = [(); 3].map(|()| vec![0.0f32; columns]);
        for row in self.x.chunks_exact(columns) {
            for column in 0..columns {
                mean[column] += row[column].get();
            }
        }
        let rows = (self.x.len() / columns) as f32;
        for mean in &mut mean {
            *mean /= rows;
        }
        for row in self.x.chunks_exact(columns) {
            for column in 0..columns {
                let apart = row[column].get() - mean[column];
                rest[column] += apart;
                squares[column] += apart * apart;
            }
        }
        [mean, rest, squares]
    }
}

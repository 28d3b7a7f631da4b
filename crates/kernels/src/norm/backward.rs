//! The gradients of batch norm in training, where mean and variance are those of the batch.

use rayon::prelude::*;

use super::{Cut, Norm};
use crate::error::{fits, mixed};
use crate::format::Element;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Path, Results, ShapeError};

/// Gradients of each channel's scale and offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of the scale.
    pub gamma: Vec<f32>,
    /// Of the offset.
    pub beta: Vec<f32>,
}

/// What the gradients are made of: of each channel, sums over pixels. Those of several batches with the same mean and variance
/// add up.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// Pixels that were summed over.
    pub pixels: f64,
    /// Of the gradient behind the activation.
    pub plain: Vec<f64>,
    /// Of its products with the deviations from the mean.
    pub by_deviation: Vec<f64>,
}

impl Sums {
    /// The gradients of scale and offset.
    pub fn gradients(&self, norm: Norm<'_>) -> Gradients {
        let inverse = norm.inverse();
        let scaled = self.by_deviation.iter().zip(&inverse[..]);
        Gradients {
            gamma: scaled.map(|(sum, &inverse)| (sum * f64::from(inverse)) as f32).collect(),
            beta: self.plain.iter().map(|&sum| sum as f32).collect(),
        }
    }
}

/// The sums that the gradients are made of. The activation's sign is computed anew, from the same numbers.
///
/// # Errors
/// Lengths that do not fit each other.
pub fn sums(path: Path, [x, dy]: [Factors<'_>; 2], norm: Norm<'_>) -> Result<Sums, ShapeError> {
    norm.check(x.len(), &[dy.len()])?;
    match x {
        Factors::Float32(x) => Ok(sums_of(path, [x, dy.single()?], norm)),
        Factors::Bfloat16(x) => Ok(sums_of(path, [x.whole()?, dy.half()?], norm)),
    }
}

fn sums_of<E: Element>(path: Path, [x, dy]: [&[E]; 2], norm: Norm<'_>) -> Sums {
    let channels = norm.channels();
    let sides = Sides::new(x, dy, norm);
    let piece = sides.cut.piece;
    let columns = sides.cut.columns;
    let mut pieces = Buffer::zeros(x.len().div_ceil(piece) * 2 * columns);
    pieces
        .par_chunks_exact_mut(2 * columns)
        .zip(x.par_chunks(piece))
        .enumerate()
        .for_each(|(index, (to, x))| simd::run(path, Piece { part: sides.part(index, x.len()), to }));
    let pixels = (x.len() / channels.max(1)) as f64;
    let mut sums = Sums { pixels, plain: vec![0.0; channels], by_deviation: vec![0.0; channels] };
    for piece in pieces.chunks_exact(2 * columns) {
        let (plain, by_deviation) = piece.split_at(columns);
        for column in 0..columns {
            sums.plain[column % channels] += f64::from(plain[column]);
            sums.by_deviation[column % channels] += f64::from(by_deviation[column]);
        }
    }
    sums
}

/// The gradient of `x`, to which `also` is added: what another user of `x` already gave. `sums` are those of all pixels whose
/// mean and variance the norm has.
///
/// # Errors
/// Lengths that do not fit each other.
pub fn data_gradient(
    path: Path,
    [x, dy]: [Factors<'_>; 2],
    norm: Norm<'_>,
    sums: &Sums,
    also: Option<Factors<'_>>,
    dx: Results<'_>,
) -> Result<(), ShapeError> {
    norm.check(x.len(), &[dy.len(), dx.len(), also.map_or(x.len(), Factors::len)])?;
    fits("the number of sums", sums.plain.len(), norm.channels())?;
    fits("the number of sums of products", sums.by_deviation.len(), norm.channels())?;
    match (x, dx) {
        (Factors::Float32(x), Results::Float32(dx)) => {
            let also = also.map(Factors::single).transpose()?;
            line(path, [x, dy.single()?], norm, sums, also, dx);
        }
        (Factors::Bfloat16(x), Results::Bfloat16(dx)) => {
            let also = also.map(Factors::half).transpose()?;
            line(path, [x.whole()?, dy.half()?], norm, sums, also, dx);
        }
        _ => return Err(mixed()),
    }
    Ok(())
}

fn line<E: Element>(
    path: Path,
    [x, dy]: [&[E]; 2],
    norm: Norm<'_>,
    sums: &Sums,
    also: Option<&[E]>,
    dx: &mut [E],
) {
    let sides = Sides::new(x, dy, norm);
    let piece = sides.cut.piece;
    // dx = scale * (g - mean of g - deviation * inverse^2 * mean of (g * deviation)), written as a line in x.
    let (mut offset, mut slope) = (Buffer::new(norm.channels()), norm.inverse());
    for (offset, sum) in offset.iter_mut().zip(&sums.plain) {
        *offset = (sum / sums.pixels) as f32;
    }
    for (slope, sum) in slope.iter_mut().zip(&sums.by_deviation) {
        *slope = (sum / sums.pixels * f64::from(*slope).powi(2)) as f32;
    }
    let (offset, slope) = (sides.cut.widen(&offset), sides.cut.widen(&slope));
    let to = Shared::new(dx);
    x.par_chunks(piece).enumerate().for_each(|(index, x)| {
        let at = index * piece;
        // SAFETY: each piece is its own part.
        let dx = unsafe { to.part(at, x.len()) };
        let also = also.map(|also| &also[at..at + x.len()]);
        let part = sides.part(index, x.len());
        simd::run(path, Line { part, offset: &offset, slope: &slope, also, dx });
    });
}

/// Both sides, and what each column is mapped by.
struct Sides<'a, E> {
    cut: Cut,
    x: &'a [E],
    dy: &'a [E],
    /// Mean, scale and offset.
    line: [Buffer; 3],
    relu: bool,
}

impl<'a, E: Element> Sides<'a, E> {
    fn new(x: &'a [E], dy: &'a [E], norm: Norm<'_>) -> Self {
        let cut = Cut::new(x.len(), norm.channels());
        let line = [&norm.statistics.mean[..], &norm.scale(), norm.beta].map(|values| cut.widen(values));
        Sides { cut, x, dy, line, relu: norm.relu }
    }

    /// The piece of that number, of `len` values.
    fn part(&self, index: usize, len: usize) -> Part<'_, E> {
        let at = index * self.cut.piece..index * self.cut.piece + len;
        let [mean, scale, beta] = &self.line;
        Part { x: &self.x[at.clone()], dy: &self.dy[at], mean, scale, beta, relu: self.relu }
    }
}

/// A piece of both sides, and what each column is mapped by.
#[derive(Clone, Copy)]
struct Part<'a, E> {
    x: &'a [E],
    dy: &'a [E],
    mean: &'a [f32],
    scale: &'a [f32],
    beta: &'a [f32],
    relu: bool,
}

/// Sums of a piece: of the gradient behind the activation, and of its products with the deviations.
struct Piece<'a, E> {
    part: Part<'a, E>,
    /// Where both go, which are 0.
    to: &'a mut [f32],
}

impl<E: Element> Kernel for Piece<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Part { x, dy, mean, scale, beta, relu } = self.part;
        let columns = mean.len();
        let (scale, beta) = (&scale[..columns], &beta[..columns]);
        let (plain, by_deviation) = self.to.split_at_mut(columns);
        let by_deviation = &mut by_deviation[..columns];
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
            for column in 0..columns {
                let deviation = x[column].get() - mean[column];
                let value = deviation * scale[column] + beta[column];
                // Read whatever becomes of it: a read under a condition is no vector.
                let gradient = dy[column].get();
                let gradient = if value <= least { 0.0 } else { gradient };
                plain[column] += gradient;
                by_deviation[column] += gradient * deviation;
            }
        }
    }
}

/// The gradient of a piece of `x`.
struct Line<'a, E> {
    part: Part<'a, E>,
    offset: &'a [f32],
    slope: &'a [f32],
    also: Option<&'a [E]>,
    dx: &'a mut [E],
}

impl<E: Element> Kernel for Line<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Part { x, dy, mean, scale, beta, relu } = self.part;
        let columns = mean.len();
        let (scale, beta) = (&scale[..columns], &beta[..columns]);
        let (offset, slope) = (&self.offset[..columns], &self.slope[..columns]);
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        let rows = x.chunks_exact(columns).zip(dy.chunks_exact(columns));
        for (index, ((x, dy), dx)) in rows.zip(self.dx.chunks_exact_mut(columns)).enumerate() {
            let result = |column: usize| {
                let deviation = x[column].get() - mean[column];
                let value = deviation * scale[column] + beta[column];
                let gradient = dy[column].get();
                let gradient = if value <= least { 0.0 } else { gradient };
                (gradient - offset[column] - deviation * slope[column]) * scale[column]
            };
            match self.also.map(|also| &also[index * columns..][..columns]) {
                Some(also) => {
                    for column in 0..columns {
                        dx[column] = E::of(result(column) + also[column].get());
                    }
                }
                None => {
                    for column in 0..columns {
                        dx[column] = E::of(result(column));
                    }
                }
            }
        }
    }
}

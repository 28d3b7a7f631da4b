//! The gradients of batch norm in training, where mean and variance are those of the batch.

use rayon::prelude::*;

use super::{Cut, Norm};
use crate::error::fits;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Path, ShapeError};

/// Gradients of each channel's scale and offset.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// Of the scale.
    pub gamma: Vec<f32>,
    /// Of the offset.
    pub beta: Vec<f32>,
}

/// The gradients of scale and offset, and, if `dx` is asked for, that of `x`, to which `also` is added: what another user of
/// `x` already gave. The activation's sign is computed anew, from the same numbers.
///
/// # Errors
/// Lengths that do not fit each other.
pub fn backward(
    path: Path,
    x: &[f32],
    dy: &[f32],
    norm: Norm<'_>,
    dx: Option<&mut [f32]>,
    also: Option<&[f32]>,
) -> Result<Gradients, ShapeError> {
    norm.check(x.len(), &[dy.len(), also.map_or(x.len(), <[f32]>::len)])?;
    let channels = norm.channels();
    let cut = Cut::new(x.len(), channels);
    let (inverse, scale) = (norm.inverse(), norm.scale());
    let [mean, wide, beta] =
        [&norm.statistics.mean, &scale, &norm.beta.to_vec()].map(|values| cut.widen(values));
    let part = |index: usize, len: usize| {
        let at = index * cut.piece..index * cut.piece + len;
        Part { x: &x[at.clone()], dy: &dy[at], mean: &mean, scale: &wide, beta: &beta, relu: norm.relu }
    };
    let pieces: Vec<[Vec<f32>; 2]> = x
        .par_chunks(cut.piece)
        .enumerate()
        .map(|(index, x)| simd::run(path, Sums(part(index, x.len()))))
        .collect();
    let mut totals = vec![[0.0f64; 2]; channels];
    for piece in &pieces {
        for column in 0..cut.columns {
            let total = &mut totals[column % channels];
            total[0] += f64::from(piece[0][column]);
            total[1] += f64::from(piece[1][column]);
        }
    }
    let gamma: Vec<f32> =
        totals.iter().zip(&inverse).map(|(total, &inverse)| (total[1] * f64::from(inverse)) as f32).collect();
    if let Some(dx) = dx {
        fits("the number of values of the gradient", dx.len(), x.len())?;
        let pixels = (x.len() / channels.max(1)) as f64;
        // dx = scale * (g - mean of g - deviation * inverse^2 * mean of (g * deviation)), written as a line in x.
        let offset: Vec<f32> = totals.iter().map(|total| (total[0] / pixels) as f32).collect();
        let slopes = totals.iter().zip(&inverse);
        let slope: Vec<f32> =
            slopes.map(|(total, &inverse)| (total[1] / pixels * f64::from(inverse).powi(2)) as f32).collect();
        let (offset, slope) = (cut.widen(&offset), cut.widen(&slope));
        let to = Shared::new(dx);
        x.par_chunks(cut.piece).enumerate().for_each(|(index, x)| {
            let at = index * cut.piece;
            // SAFETY: each piece is its own part.
            let dx = unsafe { to.part(at, x.len()) };
            let also = also.map(|also| &also[at..at + x.len()]);
            let part = part(index, x.len());
            simd::run(path, Line { part, offset: &offset, slope: &slope, also, dx });
        });
    }
    Ok(Gradients { gamma, beta: totals.iter().map(|total| total[0] as f32).collect() })
}

/// A piece of both sides, and what each column is mapped by.
#[derive(Clone, Copy)]
struct Part<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    scale: &'a [f32],
    beta: &'a [f32],
    relu: bool,
}

/// Sums of a piece: of the gradient behind the activation, and of its products with the deviations.
struct Sums<'a>(Part<'a>);

impl Kernel for Sums<'_> {
    type Output = [Vec<f32>; 2];

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) -> [Vec<f32>; 2] {
        let Part { x, dy, mean, scale, beta, relu } = self.0;
        let columns = mean.len();
        let (scale, beta) = (&scale[..columns], &beta[..columns]);
        let (mut plain, mut by_deviation) = (vec![0.0f32; columns], vec![0.0f32; columns]);
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
            for column in 0..columns {
                let deviation = x[column] - mean[column];
                let value = deviation * scale[column] + beta[column];
                let gradient = if value <= least { 0.0 } else { dy[column] };
                plain[column] += gradient;
                by_deviation[column] += gradient * deviation;
            }
        }
        [plain, by_deviation]
    }
}

/// The gradient of a piece of `x`.
struct Line<'a> {
    part: Part<'a>,
    offset: &'a [f32],
    slope: &'a [f32],
    also: Option<&'a [f32]>,
    dx: &'a mut [f32],
}

impl Kernel for Line<'_> {
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
            for column in 0..columns {
                let deviation = x[column] - mean[column];
                let value = deviation * scale[column] + beta[column];
                let gradient = if value <= least { 0.0 } else { dy[column] };
                dx[column] = (gradient - offset[column] - deviation * slope[column]) * scale[column];
            }
            if let Some(also) = self.also {
                for (dx, also) in dx.iter_mut().zip(&also[index * columns..][..columns]) {
                    *dx += also;
                }
            }
        }
    }
}

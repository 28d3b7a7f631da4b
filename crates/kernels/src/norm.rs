//! Batch norm over the channels of `[pixels, channels]`, with the activation behind it. All sides are of one format; what is
//! computed from them is float32.
//!
//! Sums run over pieces of so many pixels, whatever the number of threads; within a piece in float32, over the pieces in
//! float64. The variance is the biased one, from deviations of each piece's own mean: the square of a mean that is large
//! beside the deviation, as a raw image's, would swallow it.

mod backward;
mod statistics;

use rayon::prelude::*;

pub use backward::{Gradients, Sums, data_gradient, sums};
pub use statistics::{Statistics, statistics};

use crate::error::{fits, mixed};
use crate::format::Element;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Path, Results, ShapeError};

/// How each channel is mapped: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Mean and variance.
    pub statistics: &'a Statistics,
    /// Scale; 1 if there is none.
    pub gamma: Option<&'a [f32]>,
    /// Offset.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether what is negative then becomes 0.
    pub relu: bool,
}

impl Norm<'_> {
    fn channels(&self) -> usize {
        self.beta.len()
    }

    /// `1 / sqrt(variance + epsilon)` of each channel.
    fn inverse(&self) -> Buffer {
        let mut inverse = Buffer::new(self.channels());
        for (inverse, &variance) in inverse.iter_mut().zip(&self.statistics.variance) {
            *inverse = (1.0 / (f64::from(variance) + self.epsilon).sqrt()) as f32;
        }
        inverse
    }

    /// What a deviation from the mean is multiplied by.
    fn scale(&self) -> Buffer {
        let mut scale = self.inverse();
        if let Some(gamma) = self.gamma {
            scale.iter_mut().zip(gamma).for_each(|(scale, gamma)| *scale *= gamma);
        }
        scale
    }

    /// The same as a factor and a summand for each channel, as [`crate::convolution::Output`] takes them.
    ///
    /// # Errors
    /// Numbers of channels that do not fit each other.
    pub fn line(&self) -> Result<[Buffer; 2], ShapeError> {
        self.check(0, &[])?;
        let (scale, mut bias) = (self.scale(), Buffer::new(self.channels()));
        let means = self.statistics.mean.iter().zip(self.beta).zip(&scale[..]);
        for (bias, ((mean, beta), scale)) in bias.iter_mut().zip(means) {
            *bias = beta - mean * scale;
        }
        Ok([scale, bias])
    }

    fn check(&self, values: usize, others: &[usize]) -> Result<(), ShapeError> {
        let channels = self.channels();
        fits("the number of channels", channels, channels.max(1))?;
        fits("the number of channels, modulo which values remain", values % channels.max(1), 0)?;
        fits("the number of means", self.statistics.mean.len(), channels)?;
        fits("the number of variances", self.statistics.variance.len(), channels)?;
        fits("the number of scales", self.gamma.map_or(channels, <[f32]>::len), channels)?;
        others.iter().try_for_each(|&other| fits("the number of values of the other side", other, values))
    }
}

/// What values become, channel by channel: `(x - mean) * scale + beta`.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// Subtracted first.
    pub mean: &'a [f32],
    /// Multiplied with then.
    pub scale: &'a [f32],
    /// Added then.
    pub beta: &'a [f32],
    /// Whether what is negative in the end becomes 0.
    pub relu: bool,
}

impl Mapping<'_> {
    /// That of a value.
    #[inline(always)]
    pub(crate) fn of(&self, value: f32, channel: usize) -> f32 {
        let value = (value - self.mean[channel]) * self.scale[channel] + self.beta[channel];
        if self.relu && value < 0.0 { 0.0 } else { value }
    }

    /// # Errors
    /// Another number of channels.
    pub(crate) fn check(&self, channels: usize) -> Result<(), ShapeError> {
        fits("the number of channels", channels, channels.max(1))?;
        fits("the number of means", self.mean.len(), channels)?;
        fits("the number of scales", self.scale.len(), channels)?;
        fits("the number of offsets", self.beta.len(), channels)
    }
}

/// Values of a piece, about: 64 KiB.
const PIECE: usize = 16384;

/// Fewest pixels of a piece.
const FEWEST: usize = 64;

/// How values are cut: rows of `columns`, a multiple of the channels that is wide enough for vectors.
#[derive(Clone, Copy)]
struct Cut {
    columns: usize,
    /// Values of a piece.
    piece: usize,
}

impl Cut {
    fn new(values: usize, channels: usize) -> Self {
        let pixels = values / channels.max(1);
        let fold =
            [32, 16, 8, 4, 2].into_iter().find(|fold| channels * fold <= 64 && pixels.is_multiple_of(*fold));
        let columns = channels.max(1) * fold.unwrap_or(1);
        Cut { columns, piece: (PIECE / columns).max(FEWEST) * columns }
    }

    /// A value for each column from one for each channel.
    fn widen(self, channels: &[f32]) -> Buffer {
        let mut columns = Buffer::new(self.columns);
        for columns in columns.chunks_exact_mut(channels.len()) {
            columns.copy_from_slice(channels);
        }
        columns
    }
}

/// `x` normalised into `y`.
///
/// # Errors
/// Lengths that do not fit each other.
pub fn normalise(path: Path, x: Factors<'_>, norm: Norm<'_>, y: Results<'_>) -> Result<(), ShapeError> {
    norm.check(x.len(), &[y.len()])?;
    let (scale, Norm { statistics, beta, relu, .. }) = (norm.scale(), norm);
    map(path, x, Mapping { mean: &statistics.mean, scale: &scale, beta, relu }, y)
}

/// `x` mapped into `y`.
///
/// # Errors
/// Lengths that do not fit each other.
pub fn map(path: Path, x: Factors<'_>, mapping: Mapping<'_>, y: Results<'_>) -> Result<(), ShapeError> {
    let channels = mapping.beta.len();
    mapping.check(channels)?;
    fits("the number of channels, modulo which values remain", x.len() % channels.max(1), 0)?;
    fits("the number of values of the other side", y.len(), x.len())?;
    match (x, y) {
        (Factors::Float32(x), Results::Float32(y)) => pieces(path, x, mapping, y),
        (Factors::Bfloat16(x), Results::Bfloat16(y)) => pieces(path, x.whole()?, mapping, y),
        _ => return Err(mixed()),
    }
    Ok(())
}

fn pieces<E: Element>(path: Path, x: &[E], mapping: Mapping<'_>, y: &mut [E]) {
    let cut = Cut::new(x.len(), mapping.beta.len());
    let Mapping { mean, scale, beta, relu } = mapping;
    let [mean, scale, beta] = [mean, scale, beta].map(|values| cut.widen(values));
    let to = Shared::new(y);
    x.par_chunks(cut.piece).enumerate().for_each(|(index, x)| {
        // SAFETY: each piece is its own part.
        let y = unsafe { to.part(index * cut.piece, x.len()) };
        let mapping = Mapping { mean: &mean, scale: &scale, beta: &beta, relu };
        simd::run(path, Map { x, y, mapping });
    });
}

struct Map<'a, E> {
    x: &'a [E],
    y: &'a mut [E],
    /// Of columns.
    mapping: Mapping<'a>,
}

impl<E: Element> Kernel for Map<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Mapping { mean, scale, beta, relu } = self.mapping;
        let columns = mean.len();
        let (scale, beta) = (&scale[..columns], &beta[..columns]);
        // The floor of what is not rectified.
        let least = if relu { 0.0 } else { f32::NEG_INFINITY };
        for (x, y) in self.x.chunks_exact(columns).zip(self.y.chunks_exact_mut(columns)) {
            for column in 0..columns {
                let value = (x[column].get() - mean[column]) * scale[column] + beta[column];
                y[column] = E::of(if value < least { least } else { value });
            }
        }
    }
}

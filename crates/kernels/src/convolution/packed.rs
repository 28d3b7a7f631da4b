//! Weights in the order in which the innermost loop reads them.

use rayon::prelude::*;

use super::Convolution;
use super::table::Direction;
use crate::error::fits;
use crate::format::{as_halves_mut, round};
use crate::shared::Shared;
use crate::{Buffer, Format, Path, ShapeError, simd};

/// A convolution's weights for one direction, format and instruction set: `[panel][tap][channel][column]`, a panel being as
/// many channels of the target as a tile is wide, filled up with zeros. In bfloat16 two channels stand side by side in each
/// column.
#[derive(Debug)]
pub struct Packed {
    pub(super) path: Path,
    pub(super) format: Format,
    pub(super) convolution: Convolution,
    pub(super) direction: Direction,
    values: Buffer,
}

/// Channels that are packed at a time.
const BLOCK: usize = 32;

impl Packed {
    /// For [`Convolution::forward`], from `[output][input][tap]`.
    ///
    /// # Errors
    /// Another number of weights than the convolution has.
    pub fn forward(
        path: Path,
        format: Format,
        convolution: Convolution,
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        Packed::new(path, format, convolution, Direction::Forward, weights)
    }

    /// For [`Convolution::data_gradient`], from `[output][input][tap]`.
    ///
    /// # Errors
    /// Another number of weights than the convolution has.
    pub fn data_gradient(
        path: Path,
        format: Format,
        convolution: Convolution,
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        Packed::new(path, format, convolution, Direction::DataGradient, weights)
    }

    fn new(
        path: Path,
        format: Format,
        convolution: Convolution,
        direction: Direction,
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        fits("the number of weights", weights.len(), convolution.weights())?;
        if direction == Direction::DataGradient && convolution.is_unfolded() {
            return Ok(Packed::folded(path, format, convolution, weights));
        }
        let (channels, columns) = match direction {
            Direction::Forward => (convolution.input, convolution.output),
            Direction::DataGradient => (convolution.output, convolution.input),
        };
        let (taps, width) = (convolution.taps(), simd::tile_columns(path));
        // Unfolded, all taps are one row of channels.
        let (rows, row) = if convolution.is_unfolded() { (1, taps * channels) } else { (taps, channels) };
        let panel = rows * format.slots(row) * width;
        let mut values = Buffer::new(columns.div_ceil(width) * panel);
        let shared = Shared::new(&mut values);
        // Strides of the weights by column and by channel.
        let (by_column, by_channel) = match direction {
            Direction::Forward => (convolution.input * taps, taps),
            Direction::DataGradient => (taps, convolution.input * taps),
        };
        let fill = |index: usize| {
            // SAFETY: each panel is its own part.
            let to = unsafe { shared.part(index * panel, panel) };
            let valid = width.min(columns - index * width);
            if valid < width || !row.is_multiple_of(format.per_slot()) {
                to.fill(0.0);
            }
            let first = index * width * by_column;
            let mut place = |channel: usize, column: usize| {
                let from = &weights[first + column * by_column + channel * by_channel..][..taps];
                for (tap, &weight) in from.iter().enumerate() {
                    let factor = tap * channels + channel;
                    match format {
                        Format::Float32 => to[factor * width + column] = weight,
                        Format::Bfloat16 => {
                            let slot = factor / row * format.slots(row) + factor % row / 2;
                            as_halves_mut(to)[(slot * width + column) * 2 + factor % row % 2] = round(weight);
                        }
                    }
                }
            };
            // What stands side by side is read so, a block of channels at a time, whose places stay in the cache.
            for block in (0..channels).step_by(BLOCK) {
                let block = block..channels.min(block + BLOCK);
                match direction {
                    Direction::Forward => {
                        (0..valid)
                            .for_each(|column| block.clone().for_each(|channel| place(channel, column)));
                    }
                    Direction::DataGradient => {
                        block.for_each(|channel| (0..valid).for_each(|column| place(channel, column)));
                    }
                }
            }
        };
        (0..columns.div_ceil(width)).into_par_iter().for_each(fill);
        Ok(Packed { path, format, convolution, direction, values })
    }

    /// For the gradient of unfolded data: one tap, whose columns are all values under the kernel, `[tap][input]`.
    fn folded(path: Path, format: Format, convolution: Convolution, weights: &[f32]) -> Self {
        let (taps, inputs, width) = (convolution.taps(), convolution.input, simd::tile_columns(path));
        let panel = format.slots(convolution.output) * width;
        let mut values = Buffer::zeros((taps * inputs).div_ceil(width) * panel);
        for (place, &weight) in weights.iter().enumerate() {
            let (output, input, tap) = (place / (taps * inputs), place / taps % inputs, place % taps);
            let column = tap * inputs + input;
            let slot = column / width * panel + output / format.per_slot() * width + column % width;
            match format {
                Format::Float32 => values[slot] = weight,
                Format::Bfloat16 => as_halves_mut(&mut values)[2 * slot + output % 2] = round(weight),
            }
        }
        Packed { path, format, convolution, direction: Direction::DataGradient, values }
    }

    /// The panels' values.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}

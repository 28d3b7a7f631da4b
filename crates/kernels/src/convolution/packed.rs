//! Weights in the order in which the innermost loop reads them.

use rayon::prelude::*;

use super::table::Direction;
use super::tile::LINE;
use super::{Convolution, winograd};
use crate::error::fits;
use crate::format::{as_halves_mut, round};
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Format, Path, ShapeError};

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The sum of all products.
    Direct,
    /// Winograd's F(2x2, 3x3): less than half the products, other roundings.
    Winograd,
}

/// A convolution's weights for one direction, format and instruction set: `[panel][tap][channel][column]`, a panel being as
/// many channels of the target as a tile is wide, filled up with zeros. In bfloat16 two channels stand side by side in each
/// column. For Winograd's algorithm its products stand in the place of taps.
#[derive(Debug)]
pub struct Packed {
    pub(super) path: Path,
    pub(super) format: Format,
    pub(super) convolution: Convolution,
    pub(super) direction: Direction,
    pub(super) algorithm: Algorithm,
    values: Buffer,
}

/// Where the rows of a panel come from: `[tap][channel]`, where the taps of a stem's row are one with many channels.
#[derive(Clone, Copy)]
struct Order {
    /// Rows of channels.
    rows: usize,
    /// Channels of a row.
    row: usize,
    /// Channels of a tap.
    channels: usize,
    /// Weights from channel to channel.
    by_channel: usize,
}

impl Order {
    /// The weight of a channel of the first row in the first column.
    #[inline(always)]
    fn offset(&self, channel: usize) -> usize {
        channel % self.channels * self.by_channel + channel / self.channels
    }

    /// Weights from row to row: the taps that are one.
    #[inline(always)]
    fn by_row(&self) -> usize {
        self.row / self.channels
    }
}

/// Fills the columns that a panel has, a line at a time: what they are read from lies a power of two apart, and shares few
/// places of a cache.
struct Fill<'a> {
    from: &'a [f32],
    /// From column to column.
    by_column: usize,
    order: Order,
    format: Format,
    to: &'a mut [f32],
    width: usize,
    valid: usize,
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        for block in (0..self.valid).step_by(LINE) {
            let count = LINE.min(self.valid - block);
            let from = &self.from[block * self.by_column..];
            let (slots, by_row) = (self.format.slots(self.order.row), self.order.by_row());
            // A channel after the other: the weights of its taps stand side by side, and are read at once.
            for slot in 0..slots {
                let [first, second] = [0, 1].map(|half| self.format.per_slot() * slot + half);
                let is_pair = second < self.order.row;
                let [first, second] = [first, second].map(|channel| self.order.offset(channel));
                for row in 0..self.order.rows {
                    let to = &mut self.to[(row * slots + slot) * self.width + block..][..count];
                    let weight = |channel| column(from, channel + row * by_row, self.by_column, count);
                    match self.format {
                        Format::Float32 => put(to, &weight(first), count),
                        Format::Bfloat16 => {
                            let second = if is_pair { weight(second) } else { [0.0; LINE] };
                            put(to, &pairs(&weight(first), &second), count);
                        }
                    }
                }
            }
        }
    }
}

/// Rounded, two and two side by side.
#[inline(always)]
fn pairs(low: &[f32; LINE], high: &[f32; LINE]) -> [f32; LINE] {
    let mut pairs = [0.0; LINE];
    for (pair, (low, high)) in pairs.iter_mut().zip(low.iter().zip(high)) {
        *pair = f32::from_bits(u32::from(round(*low)) | u32::from(round(*high)) << 16);
    }
    pairs
}

/// `count` weights, `step` apart.
#[inline(always)]
pub(super) fn column(from: &[f32], first: usize, step: usize, count: usize) -> [f32; LINE] {
    let mut values = [0.0; LINE];
    if count == LINE {
        let from = &from[first..=first + (LINE - 1) * step];
        for (index, value) in values.iter_mut().enumerate() {
            // SAFETY: the last of them is in the slice.
            *value = unsafe { *from.get_unchecked(index * step) };
        }
    } else {
        for (value, weight) in values.iter_mut().zip(from[first..].iter().step_by(step)).take(count) {
            *value = *weight;
        }
    }
    values
}

/// Writes the first so many. All of them, as nearly always, are a vector; fewer, a call.
#[inline(always)]
pub(super) fn put(to: &mut [f32], values: &[f32; LINE], count: usize) {
    match to.first_chunk_mut() {
        Some(to) if count == LINE => *to = *values,
        _ => to[..count].copy_from_slice(&values[..count]),
    }
}

impl Packed {
    /// For [`Convolution::forward`], from `[output][input][tap]`, for images as in [`Convolution::algorithm`]. Those of few
    /// channels ([`Convolution::is_stem`]) are multiplied in float32 whatever the format.
    ///
    /// # Errors
    /// Another number of weights than the convolution has, an algorithm that is not there for its form.
    pub fn forward(
        path: Path,
        format: Format,
        (convolution, algorithm): (Convolution, Algorithm),
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        let format = if convolution.is_stem() { Format::Float32 } else { format };
        Packed::new(path, format, (convolution, algorithm), Direction::Forward, weights)
    }

    /// For [`Convolution::data_gradient`], from `[output][input][tap]`, for images as in [`Convolution::algorithm`].
    ///
    /// # Errors
    /// Another number of weights than the convolution has, an algorithm that is not there for its form.
    pub fn data_gradient(
        path: Path,
        format: Format,
        (convolution, algorithm): (Convolution, Algorithm),
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        Packed::new(path, format, (convolution, algorithm), Direction::DataGradient, weights)
    }

    fn new(
        path: Path,
        format: Format,
        (convolution, algorithm): (Convolution, Algorithm),
        direction: Direction,
        weights: &[f32],
    ) -> Result<Self, ShapeError> {
        fits("the number of weights", weights.len(), convolution.weights())?;
        if algorithm == Algorithm::Winograd {
            fits(
                "the number of forms that Winograd's algorithm has",
                usize::from(convolution.has_winograd()),
                1,
            )?;
            let values = winograd::pack(path, format, convolution, direction, weights);
            return Ok(Packed { path, format, convolution, direction, algorithm, values });
        }
        if direction == Direction::DataGradient && convolution.is_stem() {
            return Ok(Packed::folded(path, format, convolution, weights));
        }
        let [channels, columns] = direction.sides(&convolution);
        let (taps, width) = (convolution.taps(), simd::tile_columns(path));
        // A tap of few channels stands side by side with those of its row.
        let row = if convolution.is_stem() { convolution.kernel * channels } else { channels };
        let rows = taps * channels / row;
        let panel = rows * format.slots(row) * width;
        let mut values = Buffer::new(columns.div_ceil(width) * panel);
        let shared = Shared::new(&mut values);
        // Strides of the weights by column and by channel.
        let (by_column, by_channel) = match direction {
            Direction::Forward | Direction::Rows => (convolution.input * taps, taps),
            Direction::DataGradient => (taps, convolution.input * taps),
        };
        let order = Order { rows, row, channels, by_channel };
        let fill = |index: usize| {
            // SAFETY: each panel is its own part.
            let to = unsafe { shared.part(index * panel, panel) };
            let valid = width.min(columns - index * width);
            if valid < width {
                to.fill(0.0);
            }
            let from = &weights[index * width * by_column..];
            simd::run(path, Fill { from, by_column, order, format, to, width, valid });
        };
        (0..columns.div_ceil(width)).into_par_iter().for_each(fill);
        Ok(Packed { path, format, convolution, direction, algorithm, values })
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
        let (direction, algorithm) = (Direction::DataGradient, Algorithm::Direct);
        Packed { path, format, convolution, direction, algorithm, values }
    }

    /// The panels' values.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }
}

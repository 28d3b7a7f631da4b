//! Transformed weights: `[panel][product][channel][column]`.

use rayon::prelude::*;

use super::PRODUCTS;
use super::transform::{self, COLUMNS, Columns};
use crate::convolution::Convolution;
use crate::convolution::packed::column;
use crate::convolution::table::Direction;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Path};

/// Transforms `[output][input][tap]`.
pub(in crate::convolution) fn pack(
    path: Path,
    convolution: Convolution,
    direction: Direction,
    weights: &[f32],
) -> Buffer {
    let [channels, columns] = direction.sides(&convolution);
    let taps = convolution.taps();
    let width = simd::tile_columns(path);
    let panel = PRODUCTS * channels * width;
    let mut values = Buffer::new(columns / width * panel);
    let shared = Shared::new(&mut values);
    let (by_column, by_channel) = match direction {
        Direction::Forward => (convolution.input * taps, taps),
        Direction::DataGradient => (taps, convolution.input * taps),
    };
    let is_turned = direction == Direction::DataGradient;
    (0..columns / width).into_par_iter().for_each(|index| {
        // SAFETY: each panel is its own part.
        let to = unsafe { shared.part(index * panel, panel) };
        let from = &weights[index * width * by_column..];
        simd::run(path, Fill { from, by_column, by_channel, is_turned, channels, width, to });
    });
    values
}

/// Fills a panel.
struct Fill<'a> {
    from: &'a [f32],
    by_column: usize,
    by_channel: usize,
    /// Whether the kernel is turned by half a turn, as the gradient of the data takes it.
    is_turned: bool,
    channels: usize,
    width: usize,
    to: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        for block in (0..self.width).step_by(COLUMNS) {
            let count = COLUMNS.min(self.width - block);
            let from = &self.from[block * self.by_column..];
            for channel in 0..self.channels {
                let tap = |tap: usize| -> Columns {
                    let tap = if self.is_turned { 8 - tap } else { tap };
                    column(from, channel * self.by_channel + tap, self.by_column, count)
                };
                let kernel = [0, 1, 2].map(|row| [0, 1, 2].map(|column| tap(3 * row + column)));
                for (product, values) in transform::weights(kernel).iter().flatten().enumerate() {
                    let at = (product * self.channels + channel) * self.width + block;
                    self.to[at..at + count].copy_from_slice(&values[..count]);
                }
            }
        }
    }
}

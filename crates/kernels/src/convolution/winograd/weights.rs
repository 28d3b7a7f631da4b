//! Transformed weights: `[panel][product][slot][column]`.

use rayon::prelude::*;

use super::PRODUCTS;
use super::transform::{self, Columns};
use crate::convolution::Convolution;
use crate::convolution::packed::{column, put};
use crate::convolution::table::Direction;
use crate::convolution::tile::LINE;
use crate::format::round;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Format, Path};

/// Transforms `[output][input][tap]`.
pub(in crate::convolution) fn pack(
    path: Path,
    format: Format,
    convolution: Convolution,
    direction: Direction,
    weights: &[f32],
) -> Buffer {
    let [channels, columns] = direction.sides(&convolution);
    let taps = convolution.taps();
    let width = simd::tile_columns(path);
    let panel = PRODUCTS * format.slots(channels) * width;
    let mut values = Buffer::new(columns / width * panel);
    let shared = Shared::new(&mut values);
    let (by_column, by_channel) = match direction {
        Direction::Forward | Direction::Rows => (convolution.input * taps, taps),
        Direction::DataGradient => (taps, convolution.input * taps),
    };
    let is_turned = direction == Direction::DataGradient;
    (0..columns / width).into_par_iter().for_each(|index| {
        // SAFETY: each panel is its own part.
        let to = unsafe { shared.part(index * panel, panel) };
        let from = &weights[index * width * by_column..];
        simd::run(
            path,
            Fill { from, by_column, by_channel, is_turned, slots: format.slots(channels), format, width, to },
        );
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
    slots: usize,
    format: Format,
    width: usize,
    to: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        for block in (0..self.width).step_by(LINE) {
            let count = LINE.min(self.width - block);
            let from = &self.from[block * self.by_column..];
            for slot in 0..self.slots {
                let first = slot * self.format.per_slot();
                let mut products = self.products(from, first, count);
                if self.format == Format::Bfloat16 {
                    let high = self.products(from, first + 1, count);
                    for (low, high) in products.iter_mut().flatten().zip(high.iter().flatten()) {
                        for (low, high) in low.iter_mut().zip(high) {
                            *low = f32::from_bits(u32::from(round(*low)) | u32::from(round(*high)) << 16);
                        }
                    }
                }
                for (product, values) in products.iter().flatten().enumerate() {
                    put(&mut self.to[(product * self.slots + slot) * self.width + block..], values, count);
                }
            }
        }
    }
}

impl Fill<'_> {
    /// The transformed kernels of a channel and some columns.
    #[inline(always)]
    fn products(&self, from: &[f32], channel: usize, count: usize) -> [[Columns; 4]; 4] {
        let mut kernel = [[[0.0; LINE]; 3]; 3];
        for tap in 0..9 {
            let place = if self.is_turned { 8 - tap } else { tap };
            let values = column(from, channel * self.by_channel + place, self.by_column, count);
            kernel[tap / 3][tap % 3] = values;
        }
        transform::weights(kernel)
    }
}

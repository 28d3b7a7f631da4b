//! The first convolution: with one or three channels a tap is too short for the innermost loop, so that a few pixels at a
//! time are unfolded, all taps in a row.

use rayon::prelude::*;

use super::gather::{Gather, Part};
use super::table::{Direction, Table};
use super::{Convolution, Images, Output, Packed};
use crate::shared::Shared;
use crate::{Buffer, simd};

/// Fewer channels are unfolded.
const FEW: usize = 8;

/// Pixels that are unfolded at a time.
const PIXELS: usize = 96;

impl Convolution {
    pub(super) fn is_unfolded(&self) -> bool {
        self.input < FEW && self.taps() > 1
    }

    pub(super) fn forward_unfolded(
        &self,
        source: Images,
        x: &[f32],
        weights: &Packed,
        output: Output<'_>,
        y: &mut [f32],
    ) {
        let channels = self.taps() * self.input;
        let unfolded = Convolution::linear(channels, self.output);
        let (path, pixels) = (weights.path, self.target(source).pixels());
        let (rows, panels) = (simd::tile_rows(path), self.output.div_ceil(simd::tile_columns(path)));
        let target = Shared::new(y);
        (0..pixels.div_ceil(PIXELS)).into_par_iter().for_each(|part| {
            let first = part * PIXELS;
            let count = PIXELS.min(pixels - first);
            let mut from = Buffer::new(count * channels);
            for (pixel, row) in from.chunks_exact_mut(channels).enumerate() {
                self.unfold(source, x, first + pixel, row);
            }
            let table = Table::of(&unfolded, Direction::Forward, Images { count, height: 1, width: 1 }, rows);
            let offset = first * self.output;
            let gather = Gather {
                table: &table,
                taps: 1,
                channels,
                columns: self.output,
                source: &from,
                // One tap without padding: no row is missing but behind the last pixel, and those sums go nowhere.
                zeros: &from[..channels],
                weights: weights.values(),
                scale: output.scale,
                bias: output.bias,
                residual: output.residual.map(|residual| &residual[offset..offset + count * self.output]),
                relu: output.relu,
                target,
                offset,
            };
            simd::run(path, Part { gather, tiles: 0..table.tiles(), panels: 0..panels });
        });
    }

    /// The values under the kernel at a target's pixel: `[tap][channel]`, 0 on padding.
    pub(super) fn unfold(&self, source: Images, x: &[f32], pixel: usize, row: &mut [f32]) {
        let target = self.target(source);
        let (image, place) = (pixel / target.plane(), pixel % target.plane());
        let at = [place / target.width, place % target.width].map(|at| at * self.stride);
        let stretch = self.kernel * self.input;
        // Taps of a row that lie inside the image stand side by side in it.
        let first = self.padding.saturating_sub(at[1]);
        let last = self.kernel.min((source.width + self.padding).saturating_sub(at[1]));
        for (tap, row) in row.chunks_exact_mut(stretch).enumerate() {
            let line = (at[0] + tap).checked_sub(self.padding).filter(|&line| line < source.height);
            let Some(line) = line.filter(|_| first < last) else {
                row.fill(0.0);
                continue;
            };
            let column = at[1] + first - self.padding;
            let from = (image * source.plane() + line * source.width + column) * self.input;
            row[..first * self.input].fill(0.0);
            row[first * self.input..last * self.input]
                .copy_from_slice(&x[from..from + (last - first) * self.input]);
            row[last * self.input..].fill(0.0);
        }
    }
}

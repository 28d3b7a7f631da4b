//! The first convolution: with one or three channels a tap is too short for the innermost loop, so that a few pixels at a
//! time are unfolded, all taps in a row.

use std::ops::Range;

use rayon::prelude::*;

use super::gather::{Gather, Part};
use super::soon::Soon;
use super::table::{Direction, Table};
use super::{Convolution, Images, Output, Packed};
use crate::format::{Round, as_halves_mut};
use crate::shared::Shared;
use crate::{Buffer, Format, simd};

/// Fewer channels are unfolded.
const FEW: usize = 8;

/// Pixels that are unfolded at a time.
const PIXELS: usize = 96;

impl Convolution {
    /// Whether the image has so few channels that what is under the kernel is gathered first.
    pub fn is_unfolded(&self) -> bool {
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
        let under = self.taps() * self.input;
        let (path, format, pixels) = (weights.path, weights.format, self.target(source).pixels());
        let channels = format.slots(under);
        let unfolded = Convolution::linear(channels, self.output);
        let (rows, panels) = (simd::tile_rows(path), self.output.div_ceil(simd::tile_columns(path)));
        let target = Shared::new(y);
        (0..pixels.div_ceil(PIXELS)).into_par_iter().for_each(|part| {
            let first = part * PIXELS;
            let count = PIXELS.min(pixels - first);
            let mut from = Buffer::new(count * under);
            for (pixel, row) in from.chunks_exact_mut(under).enumerate() {
                self.unfold(source, x, first + pixel, row);
            }
            if format == Format::Bfloat16 {
                let mut rounded = Buffer::new(count * channels);
                let to = as_halves_mut(&mut rounded);
                simd::run(path, Round { from: &from, to, columns: under });
                from = rounded;
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
                output: output.part(offset..offset + count * self.output),
                target,
                offset,
            };
            let soon = Soon::of([(target.start().wrapping_add(offset), count * self.output), Soon::NOTHING]);
            simd::run_of(format, path, Part { gather, tiles: 0..table.tiles(), panels: 0..panels, soon });
        });
    }

    /// The gradient of the input, image after image: what each pixel of the output gives to all under its kernel, one row
    /// times the weights, is added where it belongs.
    pub(super) fn data_gradient_unfolded(
        &self,
        source: Images,
        dy: &[f32],
        weights: &Packed,
        also: Option<&[f32]>,
        dx: &mut [f32],
    ) {
        let columns = self.taps() * self.input;
        let (path, format, plane) = (weights.path, weights.format, self.target(source).plane());
        let channels = format.slots(self.output);
        let rows = simd::tile_rows(path);
        let panels = columns.div_ceil(simd::tile_columns(path));
        let folded = Convolution::linear(self.output, columns);
        let image = source.plane() * self.input;
        dx.par_chunks_mut(image).enumerate().for_each(|(index, dx)| {
            match also {
                Some(also) => dx.copy_from_slice(&also[index * image..][..image]),
                None => dx.fill(0.0),
            }
            let mut under = Buffer::new(PIXELS.min(plane) * columns);
            for first in (0..plane).step_by(PIXELS) {
                let count = PIXELS.min(plane - first);
                let from = (index * plane + first) * channels;
                let images = Images { count, height: 1, width: 1 };
                let table = Table::of(&folded, Direction::Forward, images, rows);
                let gather = Gather {
                    table: &table,
                    taps: 1,
                    channels,
                    columns,
                    source: &dy[from..from + count * channels],
                    // As above: what begins there goes nowhere.
                    zeros: &dy[from..from + channels],
                    weights: weights.values(),
                    output: Output::default(),
                    target: Shared::new(&mut under),
                    offset: 0,
                };
                let soon = Soon::of([Soon::NOTHING; 2]);
                simd::run_of(format, path, Part { gather, tiles: 0..table.tiles(), panels: 0..panels, soon });
                for (pixel, row) in under[..count * columns].chunks_exact(columns).enumerate() {
                    self.stretches(source, first + pixel, |range, to| {
                        let to = &mut dx[to..to + range.len()];
                        to.iter_mut().zip(&row[range]).for_each(|(dx, value)| *dx += value);
                    });
                }
            }
        });
    }

    /// The values under the kernel at a target's pixel: `[tap][channel]`, 0 on padding.
    pub(super) fn unfold(&self, source: Images, x: &[f32], pixel: usize, row: &mut [f32]) {
        row.fill(0.0);
        self.stretches(source, pixel, |range, from| {
            let len = range.len();
            row[range].copy_from_slice(&x[from..from + len]);
        });
    }

    /// Calls `each` for every row of the kernel at a target's pixel: which of the values under it lie inside the image, where
    /// they stand side by side, and the index of the first.
    fn stretches(&self, source: Images, pixel: usize, mut each: impl FnMut(Range<usize>, usize)) {
        let target = self.target(source);
        let (image, place) = (pixel / target.plane(), pixel % target.plane());
        let at = [place / target.width, place % target.width].map(|at| at * self.stride);
        let first = self.padding.saturating_sub(at[1]);
        let last = self.kernel.min((source.width + self.padding).saturating_sub(at[1]));
        for tap in 0..self.kernel {
            let line = (at[0] + tap).checked_sub(self.padding).filter(|&line| line < source.height);
            if let Some(line) = line.filter(|_| first < last) {
                let column = at[1] + first - self.padding;
                let from = (image * source.plane() + line * source.width + column) * self.input;
                let begin = tap * self.kernel * self.input;
                each(begin + first * self.input..begin + last * self.input, from);
            }
        }
    }
}

//! The first convolution: with one or three channels a tap is too short for the innermost loop.
//!
//! All taps of a row of the kernel are multiplied as one: channels last, they stand side by side in the image, and so do those
//! of the next pixel, so that nothing is unfolded. Images are padded first. Numbers are float32 in every format: it is a small
//! share of a network's products. The gradient of the data unfolds instead: what a pixel gives to all under its kernel is
//! computed, and added where it belongs.

mod gradient;

use std::ops::Range;

use rayon::prelude::*;

use super::gather::{Gather, Part};
use super::output::Sink;
use super::soon::Soon;
use super::table::{Direction, Table};
use super::{Convolution, Images, Packed};
use crate::error::{fits, mixed};
use crate::{Buffer, Factors, Results, ShapeError, simd};

/// Fewer channels are multiplied a row of the kernel at a time.
const FEW: usize = 8;

/// Values behind padded images.
const BEHIND: usize = 16;

/// Pixels whose gradients are spread at a time.
const PIXELS: usize = 96;

impl Convolution {
    /// Whether the image has so few channels that the taps of a row are multiplied as one, in float32.
    pub fn is_stem(&self) -> bool {
        self.input < FEW && self.taps() > 1
    }

    /// The images with zeros around them, so that no tap is outside.
    pub(super) fn pad(&self, source: Images, x: &[f32]) -> (Images, Buffer) {
        let (height, width) = (source.height + 2 * self.padding, source.width + 2 * self.padding);
        let padded = Images { height, width, ..source };
        // Whole tiles are read: some values behind the last row go along into sums that nobody reads.
        let mut to = Buffer::zeros(padded.pixels() * self.input + BEHIND);
        let (plane, line) = (padded.plane() * self.input, source.width * self.input);
        to.par_chunks_exact_mut(plane).zip(x.par_chunks_exact(source.plane() * self.input)).for_each(
            |(to, x)| {
                let rows = to.chunks_exact_mut(width * self.input).skip(self.padding);
                for (to, x) in rows.zip(x.chunks_exact(line)) {
                    to[self.padding * self.input..][..line].copy_from_slice(x);
                }
            },
        );
        (padded, to)
    }

    /// The gradient of the input, image after image: what each pixel of the output gives to all under its kernel, one row
    /// times the weights, is added where it belongs.
    pub(super) fn data_gradient_unfolded(
        &self,
        source: Images,
        dy: &[f32],
        weights: &Packed,
        also: Option<Factors<'_>>,
        dx: Results<'_>,
    ) -> Result<(), ShapeError> {
        let Results::Float32(dx) = dx else { return Err(mixed()) };
        let also = also.map(Factors::single).transpose()?;
        fits("the number of values to add", also.map_or(dx.len(), <[f32]>::len), dx.len())?;
        let columns = self.taps() * self.input;
        let (path, format, plane) = (weights.path, weights.format, self.target(source).plane());
        let channels = format.slots(self.output);
        let rows = simd::tile_rows(format, path);
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
                    pitch: channels,
                    source: &dy[from..from + count * channels],
                    // One tap without padding: no row is missing but behind the last pixel, and those sums go nowhere.
                    zeros: &dy[from..from + channels],
                    weights: weights.values(),
                    sink: Sink::sums(&mut under, columns),
                    first: 0,
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
        Ok(())
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

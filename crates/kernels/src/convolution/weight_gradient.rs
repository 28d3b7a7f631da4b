//! The gradient of the weights: for each tap, the channels in times the channels out, summed over pixels.

use std::ops::Range;

use rayon::prelude::*;

mod pack;
mod rows;
mod turned;

use pack::{Blocks, Packing};
use rows::Rows;
use turned::Turned;

use super::tile::LINE;
use super::{Algorithm, Convolution, Images, tile, winograd};
use crate::error::fits;
use crate::shared::Shared;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Format, Path, ShapeError};

/// About as many pixels, or pairs of them, are packed at a time.
const DEPTH: usize = 256;

/// Channels of a task, about: its sums for nine taps and what is packed stay in the second-level cache.
const INPUTS: usize = 84;
const OUTPUTS: usize = 128;

/// Tasks that keep many threads busy; the sum over pixels is split no further, and not by the number of threads.
const TASKS: usize = 16;

/// Fewest pixels of a task.
const FEWEST: usize = 1024;

impl Convolution {
    /// The gradient of the weights, `[output][input][tap]`, from the input and the gradient of the output. Both are of one
    /// format, but for an image of few channels ([`Convolution::is_stem`]), which is float32.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes, different formats.
    pub fn weight_gradient(
        &self,
        path: Path,
        source: Images,
        x: Factors<'_>,
        dy: Factors<'_>,
        dw: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.check_data(source, x.len(), dy.len())?;
        fits("the number of weights", dw.len(), self.weights())?;
        let format = dy.format();
        let expected = if self.is_stem() { Format::Float32 } else { format };
        fits("the number of images in the gradient's format", usize::from(x.format() == expected), 1)?;
        if source.count == 0 {
            dw.fill(0.0);
            return Ok(());
        }
        if self.algorithm(source) == Algorithm::Winograd {
            winograd::weight_gradient(self, path, source, [x, dy], dw);
            return Ok(());
        }
        if self.is_stem() {
            self.stem_gradient(path, source, x.slots(), dy, dw);
            return Ok(());
        }
        if self.is_pointwise() {
            self.pointwise_gradient(path, source, [x, dy], dw);
            return Ok(());
        }
        let split = Split::new(self, (path, format), self.target(source).pixels());
        let mut partial = Buffer::new(split.sums * split.len());
        let to = Shared::new(&mut partial);
        (0..split.tasks()).into_par_iter().for_each(|index| {
            simd::run_of(format, path, Task { convolution: self, source, x, dy, split: &split, index, to });
        });
        split.gather(self, &partial, dw);
        Ok(())
    }
}

/// How the work is cut: by sizes alone, so that sums do not depend on the number of threads.
struct Split {
    taps: usize,
    inputs: usize,
    outputs: usize,
    /// Channels in and out of a task.
    group: [usize; 2],
    /// Channels filled up to whole tiles.
    padded: [usize; 2],
    /// Partial sums, each over a part of the pixels.
    sums: usize,
}

impl Split {
    fn new(convolution: &Convolution, (path, format): (Path, Format), pixels: usize) -> Self {
        let (rows, columns) = (simd::tile_rows(format, path), simd::tile_columns(path));
        let (taps, inputs, outputs) = (convolution.taps(), convolution.input, convolution.output);
        let padded = [inputs.next_multiple_of(rows), outputs.next_multiple_of(columns)];
        let group = [INPUTS / rows * rows, OUTPUTS.next_multiple_of(columns)];
        let group = [0, 1].map(|side| group[side].min(padded[side]));
        let tasks = padded[0].div_ceil(group[0]) * padded[1].div_ceil(group[1]);
        let sums = TASKS.div_ceil(tasks).min(pixels / FEWEST).max(1);
        Split { taps, inputs, outputs, group, padded, sums }
    }

    /// Values of a partial sum, `[tap][input][output]`.
    fn len(&self) -> usize {
        self.taps * self.padded[0] * self.padded[1]
    }

    fn groups(&self) -> [usize; 2] {
        [0, 1].map(|side| self.padded[side].div_ceil(self.group[side]))
    }

    fn tasks(&self) -> usize {
        self.sums * self.groups()[0] * self.groups()[1]
    }

    /// Which sum and channels a task has.
    fn task(&self, index: usize) -> (usize, [Range<usize>; 2]) {
        let groups = self.groups();
        let (rest, output) = (index / groups[1], index % groups[1]);
        let (sum, input) = (rest / groups[0], rest % groups[0]);
        let range = |side: usize, group: usize| {
            group * self.group[side]..((group + 1) * self.group[side]).min(self.padded[side])
        };
        (sum, [range(0, input), range(1, output)])
    }

    /// Some outputs of a row of the sums, all partial ones added in their order.
    #[inline(always)]
    fn total(&self, partial: &[f32], row: usize, first: usize) -> [f32; LINE] {
        let mut total = [0.0f32; LINE];
        for partial in partial.chunks_exact(self.len()) {
            for (total, value) in total.iter_mut().zip(&partial[row * self.padded[1] + first..]) {
                *total += value;
            }
        }
        total
    }

    /// Adds the partial sums, in their order, and brings them into the order of the weights.
    fn gather(&self, convolution: &Convolution, partial: &[f32], dw: &mut [f32]) {
        let taps = convolution.taps();
        let channels = convolution.input;
        dw.par_chunks_mut(LINE * channels * taps).enumerate().for_each(|(block, dw)| {
            let first = block * LINE;
            let valid = LINE.min(self.outputs - first);
            // Channels outside: the taps of one stand side by side in the result.
            for channel in 0..channels {
                for tap in 0..taps {
                    let total = self.total(partial, tap * self.padded[0] + channel, first);
                    for (output, total) in total[..valid].iter().enumerate() {
                        dw[(output * channels + channel) * taps + tap] = *total;
                    }
                }
            }
        });
    }
}

/// One sum over pixels, for all taps: some channels in, some channels out.
struct Task<'a> {
    convolution: &'a Convolution,
    source: Images,
    x: Factors<'a>,
    dy: Factors<'a>,
    split: &'a Split,
    index: usize,
    to: Shared,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let format = self.dy.format();
        let (sum, [inputs, outputs]) = self.split.task(self.index);
        let rows = Rows::new(self.convolution, self.source);
        let line = format.slots(rows.width());
        let at_once = (DEPTH / line).max(1);
        let most = rows.most_sources(at_once) * line;
        let mut turned = Turned::<ROWS>::new::<S>(inputs.len() / ROWS, most);
        let [mut left, mut right] =
            [Blocks::new(inputs.len(), ROWS, most), Blocks::new(outputs.len(), 2 * S::LANES, at_once * line)];
        let mut packing = Packing::new::<S>(&self, &rows, [&inputs, &outputs], [&left, &right]);
        let (mut band, mut lines) = (rows.band(at_once), Lines::new(at_once));
        let (mut from, end) =
            (rows.count() * sum / self.split.sums, rows.count() * (sum + 1) / self.split.sums);
        let mut first = true;
        while from < end || first {
            band.set(from..end.min(from + at_once));
            // SAFETY: called with the instruction set; a task's sums are its own.
            unsafe {
                packing.gradients::<S>(&band, &mut right);
                for column in 0..rows.taps() {
                    // Once for all rows of the kernel: they see the same pixels, only of other rows.
                    packing.images::<S>(&band, column, &mut left);
                    turned.fill::<S>(&left, band.sources().len() * line);
                    for row in 0..rows.taps() {
                        let tap = row * rows.taps() + column;
                        let begin = (sum * self.split.taps + tap) * self.split.padded[0] + inputs.start;
                        band.lines(row, column, format, &mut lines);
                        let left = (&left, &turned);
                        self.add::<S, ROWS>(left, &right, &lines, [begin, outputs.start], first);
                    }
                }
            }
            first = false;
            from += at_once;
        }
    }
}

/// What a tap multiplies: pairs of places in the packed blocks, from which on as many pixels, or pairs of them, are multiplied.
struct Lines {
    places: Buffer<[usize; 2]>,
    count: usize,
    len: usize,
}

impl Lines {
    /// Room for so many.
    fn new(most: usize) -> Self {
        Lines { places: Buffer::new(most), count: 0, len: 0 }
    }
}

impl Task<'_> {
    /// Adds the products of a tap to the sums from a row and a column on, or begins them.
    ///
    /// # Safety
    /// The instruction set is there, and the sums are nobody else's.
    #[inline(always)]
    unsafe fn add<S: Simd, const ROWS: usize>(
        &self,
        (left, turned): (&Blocks, &Turned<ROWS>),
        right: &Blocks,
        lines: &Lines,
        [row, column]: [usize; 2],
        first: bool,
    ) {
        let (width, stride) = (2 * S::LANES, self.split.padded[1]);
        for panel in 0..right.count() {
            for block in 0..left.count() {
                let at = (row + block * ROWS) * stride + column + panel * width;
                // SAFETY: the caller's; the packed blocks hold the lines.
                unsafe {
                    let mut to = [self.to.at(at); ROWS];
                    for (index, to) in to.iter_mut().enumerate() {
                        *to = to.add(index * stride);
                    }
                    let mut sums = match first {
                        true => tile::zeros::<S, ROWS>(),
                        false => tile::load::<S, ROWS>(&to),
                    };
                    for &[from, with] in &lines.places[..lines.count] {
                        let (rows, step) = turned.rows::<S>(left, block, from);
                        let matrix = right.at(panel, with);
                        tile::multiply::<S, ROWS>(&mut sums, (&rows, step), matrix, lines.len, matrix);
                    }
                    tile::store::<S, ROWS>(&to, &sums);
                }
            }
        }
    }
}

//! Pooling over `[n, h, w, c]`: the largest of a window, the mean of an image. Values and gradients are of either format, both
//! sides of one call of the same; means are float32.

use rayon::prelude::*;

use crate::convolution::Images;
use crate::error::{fits, mixed};
use crate::format::Element;
use crate::simd::{self, Kernel, Simd};
use crate::{Buffer, Factors, Path, Results, ShapeError};

/// A square window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its extent, at most 15.
    pub extent: usize,
    /// Pixels between two positions.
    pub stride: usize,
    /// Pixels around the image, smaller than anything.
    pub padding: usize,
}

impl Window {
    /// The images that come out: positions that are not whole are left out.
    pub fn target(&self, source: Images) -> Images {
        let extent = |extent: usize| (extent + 2 * self.padding - self.extent) / self.stride + 1;
        Images { count: source.count, height: extent(source.height), width: extent(source.width) }
    }

    fn check(&self, source: Images, channels: usize, x: usize, y: usize) -> Result<(), ShapeError> {
        let smallest = source.height.min(source.width) + 2 * self.padding;
        if self.extent == 0 || self.extent > 15 || self.stride == 0 || channels == 0 || smallest < self.extent
        {
            let expected = "between 1 and 15 and the padded image's".to_owned();
            return Err(ShapeError { what: "the window's extent", found: self.extent, expected });
        }
        fits("the number of values in", x, source.pixels() * channels)?;
        fits("the number of values out", y, self.target(source).pixels() * channels)
    }

    /// Calls `each` with the window's pixels inside the image, as tap and pixel, for the target's pixel `at`.
    #[inline(always)]
    fn pixels(&self, source: Images, at: [usize; 2], mut each: impl FnMut(usize, usize)) {
        for tap in 0..self.extent * self.extent {
            let row = (at[0] * self.stride + tap / self.extent).wrapping_sub(self.padding);
            let column = (at[1] * self.stride + tap % self.extent).wrapping_sub(self.padding);
            if row < source.height && column < source.width {
                each(tap, row * source.width + column);
            }
        }
    }

    /// In one direction: the windows over a place of the source, and where it is in each.
    #[inline(always)]
    fn over(self, place: usize, windows: usize) -> impl Iterator<Item = (usize, usize)> {
        let place = place + self.padding;
        let first = (place + 1).saturating_sub(self.extent).div_ceil(self.stride);
        (first..windows.min(place / self.stride + 1)).map(move |at| (at, place - at * self.stride))
    }

    /// The largest value of each window, the first of several, and, where they are asked for, the tap it came from. What is no
    /// number is larger than any.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes.
    pub fn largest(
        &self,
        path: Path,
        source: Images,
        channels: usize,
        x: Factors<'_>,
        y: Results<'_>,
        taps: Option<&mut [u8]>,
    ) -> Result<(), ShapeError> {
        self.check(source, channels, x.len(), y.len())?;
        fits("the number of taps", taps.as_ref().map_or(y.len(), |taps| taps.len()), y.len())?;
        match (x, y) {
            (Factors::Float32(x), Results::Float32(y)) => self.lines(path, source, channels, x, y, taps),
            (Factors::Bfloat16(x), Results::Bfloat16(y)) => {
                self.lines(path, source, channels, x.whole()?, y, taps);
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    fn lines<E: Element>(
        &self,
        path: Path,
        source: Images,
        channels: usize,
        x: &[E],
        y: &mut [E],
        taps: Option<&mut [u8]>,
    ) {
        let (target, plane) = (self.target(source), source.plane() * channels);
        let line = target.width * channels;
        let run = |row: usize, y: &mut [E], taps: Option<&mut [u8]>| {
            let x = &x[row / target.height * plane..][..plane];
            let at = row % target.height;
            simd::run(path, Line { window: *self, source, channels, at, x, y, taps });
        };
        let rows = y.par_chunks_mut(line);
        match taps {
            Some(taps) => rows
                .zip(taps.par_chunks_mut(line))
                .enumerate()
                .for_each(|(row, (y, taps))| run(row, y, Some(taps))),
            None => rows.enumerate().for_each(|(row, y)| run(row, y, None)),
        }
    }

    /// The gradient of the input from that of the output and the taps that [`Window::largest`] gave.
    ///
    /// # Errors
    /// Lengths that are not those of the shapes.
    pub fn largest_gradient(
        &self,
        path: Path,
        source: Images,
        channels: usize,
        dy: Factors<'_>,
        taps: &[u8],
        dx: Results<'_>,
    ) -> Result<(), ShapeError> {
        self.check(source, channels, dx.len(), dy.len())?;
        fits("the number of taps", taps.len(), dy.len())?;
        match (dy, dx) {
            (Factors::Float32(dy), Results::Float32(dx)) => self.spread(path, source, channels, dy, taps, dx),
            (Factors::Bfloat16(dy), Results::Bfloat16(dx)) => {
                self.spread(path, source, channels, dy.whole()?, taps, dx);
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    fn spread<E: Element>(
        &self,
        path: Path,
        source: Images,
        channels: usize,
        dy: &[E],
        taps: &[u8],
        dx: &mut [E],
    ) {
        let plane = self.target(source).plane() * channels;
        dx.par_chunks_mut(source.width * channels).enumerate().for_each(|(row, dx)| {
            let (image, at) = (row / source.height, row % source.height);
            let (dy, taps) = (&dy[image * plane..][..plane], &taps[image * plane..][..plane]);
            simd::run(path, Spread { window: *self, source, channels, at, dy, taps, dx });
        });
    }
}

/// A row of the gradient of an image.
struct Spread<'a, E> {
    window: Window,
    source: Images,
    channels: usize,
    /// Which row.
    at: usize,
    dy: &'a [E],
    taps: &'a [u8],
    dx: &'a mut [E],
}

impl<E: Element> Kernel for Spread<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Spread { window, source, channels, at, dy, taps, dx } = self;
        let target = window.target(source);
        for (column, dx) in dx.chunks_exact_mut(channels).enumerate() {
            for first in (0..channels).step_by(BLOCK) {
                let count = BLOCK.min(channels - first);
                let mut sums = [0.0f32; BLOCK];
                for (row, tap_row) in window.over(at, target.height) {
                    for (column, tap_column) in window.over(column, target.width) {
                        let tap = (tap_row * window.extent + tap_column) as u8;
                        let from = (row * target.width + column) * channels + first;
                        let (dy, taps) = (&dy[from..][..count], &taps[from..][..count]);
                        match (dy.first_chunk::<BLOCK>(), taps.first_chunk::<BLOCK>()) {
                            (Some(dy), Some(taps)) => take(dy, taps, tap, &mut sums),
                            _ => take(dy, taps, tap, &mut sums[..count]),
                        }
                    }
                }
                dx[first..first + count].iter_mut().zip(sums).for_each(|(dx, sum)| *dx = E::of(sum));
            }
        }
    }
}

/// Adds the gradients of what came from a tap.
#[inline(always)]
fn take<E: Element>(dy: &[E], taps: &[u8], tap: u8, sums: &mut [f32]) {
    for ((sum, dy), &from) in sums.iter_mut().zip(dy).zip(taps) {
        // Read whatever becomes of it: a read under a condition is no vector.
        let dy = dy.get();
        *sum += if from == tap { dy } else { 0.0 };
    }
}

/// A row of the largest values.
struct Line<'a, E> {
    window: Window,
    source: Images,
    channels: usize,
    /// Which row of the target.
    at: usize,
    x: &'a [E],
    y: &'a mut [E],
    taps: Option<&'a mut [u8]>,
}

impl<E: Element> Kernel for Line<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self) {
        let Line { window, source, channels, at, x, y, mut taps } = self;
        for (column, y) in y.chunks_exact_mut(channels).enumerate() {
            for first in (0..channels).step_by(BLOCK) {
                let count = BLOCK.min(channels - first);
                let (mut largest, mut from) = ([f32::NEG_INFINITY; BLOCK], [0u32; BLOCK]);
                window.pixels(source, [at, column], |tap, pixel| {
                    let x = &x[pixel * channels + first..][..count];
                    match x.first_chunk::<BLOCK>() {
                        Some(x) => larger(x, tap, &mut largest, &mut from),
                        None => larger(x, tap, &mut largest[..count], &mut from[..count]),
                    }
                });
                y[first..first + count].iter_mut().zip(largest).for_each(|(y, largest)| *y = E::of(largest));
                if let Some(taps) = &mut taps {
                    let taps = &mut taps[column * channels + first..][..count];
                    taps.iter_mut().zip(from).for_each(|(tap, from)| *tap = from as u8);
                }
            }
        }
    }
}

/// Channels whose largest values are in registers at a time.
const BLOCK: usize = 64;

/// Takes what is larger, and the tap it is at. The taps are as wide as the values, so that both fit a vector's lanes.
#[inline(always)]
fn larger<E: Element>(x: &[E], tap: usize, largest: &mut [f32], from: &mut [u32]) {
    for ((largest, from), x) in largest.iter_mut().zip(from).zip(x) {
        let x = x.get();
        let is_larger = x > *largest || x.is_nan();
        *largest = if is_larger { x } else { *largest };
        *from = if is_larger { tap as u32 } else { *from };
    }
}

/// The mean over each image, `[n, c]`.
///
/// # Errors
/// Lengths that are not those of the shapes.
pub fn mean(source: Images, channels: usize, x: Factors<'_>, y: &mut [f32]) -> Result<(), ShapeError> {
    fits("the number of values in", x.len(), source.pixels() * channels)?;
    fits("the number of values out", y.len(), source.count * channels)?;
    if y.is_empty() || source.plane() == 0 {
        return Ok(());
    }
    match x {
        Factors::Float32(x) => means(source, channels, x, y),
        Factors::Bfloat16(x) => means(source, channels, x.whole()?, y),
    }
    Ok(())
}

fn means<E: Element>(source: Images, channels: usize, x: &[E], y: &mut [f32]) {
    y.par_chunks_mut(channels).zip(x.par_chunks(source.plane() * channels)).for_each(|(y, x)| {
        y.fill(0.0);
        let mut line = Buffer::new(channels);
        for row in x.chunks_exact(source.width * channels) {
            line.fill(0.0);
            for pixel in row.chunks_exact(channels) {
                line.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x.get());
            }
            y.iter_mut().zip(&line[..]).for_each(|(sum, line)| *sum += line);
        }
        y.iter_mut().for_each(|sum| *sum /= source.plane() as f32);
    });
}

/// The gradient of the input of [`mean`].
///
/// # Errors
/// Lengths that are not those of the shapes.
pub fn mean_gradient(source: Images, channels: usize, dy: &[f32], dx: Results<'_>) -> Result<(), ShapeError> {
    fits("the number of values in", dx.len(), source.pixels() * channels)?;
    fits("the number of values out", dy.len(), source.count * channels)?;
    if dx.len() == 0 {
        return Ok(());
    }
    match dx {
        Results::Float32(dx) => shares(source, channels, dy, dx),
        Results::Bfloat16(dx) => shares(source, channels, dy, dx),
    }
    Ok(())
}

fn shares<E: Element>(source: Images, channels: usize, dy: &[f32], dx: &mut [E]) {
    dx.par_chunks_mut(source.plane() * channels).zip(dy.par_chunks(channels)).for_each(|(dx, dy)| {
        for pixel in dx.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = E::of(dy / source.plane() as f32));
        }
    });
}

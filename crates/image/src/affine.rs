//! Shear, rotation and change of aspect about the centre, byte for byte OpenCV's `warpAffine` with `INTER_LINEAR` and a
//! constant border (4.5.5; 5.0 computes in floating point instead and differs by one grey level here and there).
//!
//! Only the window that is wanted is computed, from only the source pixels it needs.

use crate::{ImageError, Pixels, Region, Size, crop};

mod tap;

/// What is seen where the source has no pixel. MXNet's example programs pass 127; its library's default is 255.
pub const FILL: u8 = 127;

/// The three numbers MXNet's `image_aug_default.cc` draws for a warp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// Columns a pixel moves per row, before rotation.
    pub shear: f32,
    /// Rotation in whole degrees.
    pub degrees: i32,
    /// Width over height of what was square.
    pub aspect: f32,
}

/// A distortion of images of one size; the result has the same size and the same centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warp {
    size: Size,
    /// From a column and row of the result to one of the source, row-major 2 x 3.
    inverse: [f64; 6],
}

impl Warp {
    /// MXNet's matrix, in its single precision, inverted as `warpAffine` does, in double precision.
    pub fn new(size: Size, distortion: Distortion) -> Self {
        let Distortion { shear, degrees, aspect } = distortion;
        let angle = f64::from(degrees) / 180.0 * std::f64::consts::PI;
        let (cos, sin) = (angle.cos() as f32, angle.sin() as f32);
        let tall = 2.0 / (1.0 + aspect);
        let wide = aspect * tall;
        let (width, height) = (size.width as f32, size.height as f32);
        let [a, b] = [tall * cos - shear * sin * wide, tall * sin + shear * cos * wide];
        let [c, d] = [-sin * wide, cos * wide];
        let right = (width - (a * width + b * height)) / 2.0;
        let down = (height - (c * width + d * height)) / 2.0;

        let [a, b, right, c, d, down] = [a, b, right, c, d, down].map(f64::from);
        let determinant = a * d - b * c;
        let scale = if determinant == 0.0 { 0.0 } else { 1.0 / determinant };
        let [p, q, r, s] = [d * scale, b * -scale, c * -scale, a * scale];
        Self { size, inverse: [p, q, -p * right - q * down, r, s, -r * right - s * down] }
    }

    /// The part of the source that the pixels of `window` are made of; a single pixel where they are all border.
    ///
    /// Errors when the window leaves the image.
    pub fn source(&self, window: Region) -> Result<Region, ImageError> {
        crop::check_inside(self.size.whole(), window)?;
        // Source positions grow or fall along each axis of the result, rounding included: the corners are extremes.
        let ends = |from: u32, len: u32| [from, from + len - 1];
        let corners = ends(window.left, window.width)
            .map(|column| ends(window.top, window.height).map(|row| self.position(column, row)));
        let span = |axis: usize, size: u32| {
            let places = || corners.iter().flatten().map(|at| i64::from(at[axis] >> tap::FRACTION_BITS));
            let last = i64::from(size) - 1;
            let first = places().min().unwrap_or(0).clamp(0, last);
            let end = (places().max().unwrap_or(0) + 1).clamp(first, last);
            // Both lie in the image.
            (first as u32, (end - first + 1) as u32)
        };
        let (left, width) = span(0, self.size.width);
        let (top, height) = span(1, self.size.height);
        Ok(Region { left, top, width, height })
    }

    /// Writes `window` of the result to `out`, (H, W, C), left and right swapped if `mirrored`.
    ///
    /// `pixels` are the `region` of the source that is in memory. Errors when it does not hold the
    /// [`source`](Self::source) of the window, or `out` does not hold exactly the window.
    pub fn window(
        &self,
        pixels: &Pixels,
        region: Region,
        window: Region,
        mirrored: bool,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        crop::check_held(pixels, region, self.source(window)?)?;
        crop::check_buffer(out, window, pixels.channels())?;
        match pixels.channels() {
            1 => self.fill::<1>(pixels, region, window, out),
            _ => self.fill::<3>(pixels, region, window, out),
        }
        if mirrored {
            let channels = pixels.channels() as usize;
            out.chunks_exact_mut(window.width as usize * channels)
                .for_each(|row| crop::mirror(row, channels));
        }
        Ok(())
    }

    fn fill<const C: usize>(&self, pixels: &Pixels, region: Region, window: Region, out: &mut [u8]) {
        let source = tap::Source::<C> { data: pixels.data(), region };
        let columns: Vec<[i32; 2]> =
            (window.left..window.left + window.width).map(|column| self.column(column)).collect();
        let rows = out.chunks_exact_mut(window.width as usize * C);
        for (row, at) in rows.zip(window.top..) {
            let row_part = self.row(at);
            for (target, column_part) in row.as_chunks_mut::<C>().0.iter_mut().zip(&columns) {
                *target = source.at(tap::position(*column_part, row_part));
            }
        }
    }

    /// Source column and row of a position of the result, in 1/32 pixels.
    fn position(&self, column: u32, row: u32) -> [i32; 2] {
        tap::position(self.column(column), self.row(row))
    }

    fn column(&self, column: u32) -> [i32; 2] {
        let column = f64::from(column);
        [self.inverse[0] * column * tap::ONE, self.inverse[3] * column * tap::ONE].map(whole)
    }

    fn row(&self, row: u32) -> [i32; 2] {
        let [_, q, right, _, s, down] = self.inverse;
        let row = f64::from(row);
        [(q * row + right) * tap::ONE, (s * row + down) * tap::ONE].map(whole)
    }
}

/// Rounds ties to even, within 2^30 less what rounding to 1/32 adds: sums of two fit. Positions of images of a million
/// columns are below; of wider ones what lies beyond is not OpenCV's.
fn whole(value: f64) -> i32 {
    const MOST: f64 = 1_073_741_808.0;
    value.clamp(-MOST, MOST).round_ties_even() as i32
}

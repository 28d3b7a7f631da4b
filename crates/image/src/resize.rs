//! Bilinear resizing without antialiasing, pixel for pixel OpenCV's `resize` with `INTER_LINEAR` on 8 bits, which MXNet
//! uses (checked against OpenCV 4.5.5 and 5.0.0 and against MXNet 1.9.1).
//!
//! Only the window that is wanted is computed, from only the source pixels it needs.

use crate::{ImageError, Limits, Pixels, Region, Size, crop};

mod axis;
mod horizontal;
mod passes;

/// Resizes so that the shorter edge is `edge`, see [`Size::shorter_edge`].
pub fn shorter_edge(pixels: Pixels, edge: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    let size = pixels.size().shorter_edge(edge);
    exact(pixels, size.width, size.height, limits)
}

/// Resizes to exactly `width` x `height`; the aspect is not kept. An image of that size already is returned as it is.
pub fn exact(pixels: Pixels, width: u32, height: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    let resized = Size::new(width, height);
    if resized == pixels.size() {
        return Ok(pixels);
    }
    resized.check(pixels.channels(), limits)?;
    let mut data = vec![0; width as usize * height as usize * pixels.channels() as usize];
    Resize { from: pixels.size(), to: resized }.window(
        &pixels,
        pixels.size().whole(),
        resized.whole(),
        false,
        &mut data,
    )?;
    Pixels::new(width, height, pixels.channels(), data)
}

/// A change of size. Neither has to be in memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// The whole source.
    pub from: Size,
    /// The whole result.
    pub to: Size,
}

impl Resize {
    /// The part of the source that the pixels of `window`, a region of the result, are made of.
    ///
    /// Errors when the window leaves the result.
    pub fn source(&self, window: Region) -> Result<Region, ImageError> {
        crop::check_inside(self.to.whole(), window)?;
        let span = |from: u32, len: u32, source: u32, resized: u32| {
            let first = axis::row(from, source, resized).first;
            (first, axis::row(from + len - 1, source, resized).second - first + 1)
        };
        let (left, width) = span(window.left, window.width, self.from.width, self.to.width);
        let (top, height) = span(window.top, window.height, self.from.height, self.to.height);
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
        if self.from == self.to {
            return crop::copy(pixels, region, window, mirrored, out);
        }
        crop::check_held(pixels, region, self.source(window)?)?;
        crop::check_buffer(out, window, pixels.channels())?;
        let job = passes::Job { size: self.from, region, resized: self.to, window, mirrored };
        match pixels.channels() {
            1 => passes::run::<1>(pixels.data(), &job, out),
            _ => passes::run::<3>(pixels.data(), &job, out),
        }
        Ok(())
    }
}

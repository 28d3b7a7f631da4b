//! From a header to the network's input, decoding and computing only what the crop needs.

use crate::affine::Warp;
use crate::decode::Source;
use crate::resize::{self, Resize};
use crate::{ImageError, InputShape, Limits, Pixels, Region, Size, crop, scratch};

/// What is to become of a source: resize, warp, enlarge if it does not cover the shape, crop, mirror.
///
/// The result is, pixel for pixel, that of taking these steps one after the other on the whole image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub shape: InputShape,
    /// After the first resize, and after the warp.
    pub resized: Size,
    pub warp: Option<Warp>,
    /// Of the image after all but the crop.
    pub window: Region,
    pub mirrored: bool,
}

impl Plan {
    /// Writes the window to `out`.
    pub(crate) fn run(&self, source: Source, limits: &Limits, out: &mut [u8]) -> Result<(), ImageError> {
        if self.shape.is_empty() || out.len() != self.shape.len() {
            return Err(ImageError::BufferSize { found: out.len(), expected: self.shape.len() });
        }
        self.resized.check(self.shape.channels, limits)?;
        if self.resized.covers(self.shape) {
            return self.warped(source, self.window, self.mirrored, out);
        }
        let mut small = buffer(self.resized.whole(), self.shape.channels)?;
        self.warped(source, self.resized.whole(), false, &mut small)?;
        let small = Pixels::new(self.resized.width, self.resized.height, self.shape.channels, small)?;
        let large = crop::enlarge(small, self.shape, limits)?;
        crop::copy(&large, large.size().whole(), self.window, self.mirrored, out)?;
        scratch::give(large.into_data());
        Ok(())
    }

    /// `window` of the resized and warped image.
    fn warped(
        &self,
        source: Source,
        window: Region,
        mirrored: bool,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        let Some(warp) = &self.warp else { return self.cut(source, window, mirrored, out) };
        let region = warp.source(window)?;
        let mut part = buffer(region, self.shape.channels)?;
        self.cut(source, region, false, &mut part)?;
        let part = Pixels::new(region.width, region.height, self.shape.channels, part)?;
        warp.window(&part, region, window, mirrored, out)?;
        scratch::give(part.into_data());
        Ok(())
    }

    /// `window` of the resized image.
    fn cut(&self, source: Source, window: Region, mirrored: bool, out: &mut [u8]) -> Result<(), ImageError> {
        let resize = Resize { from: source.size(), to: self.resized };
        let region = resize.source(window)?;
        let pixels = source.region(region)?;
        resize.window(&pixels, region, window, mirrored, out)?;
        scratch::give(pixels.into_data());
        Ok(())
    }
}

/// The size after the first resize; `fast` lets the decoder take part of it.
pub(crate) fn resized(source: &mut Source, edge: Option<u32>, fast: bool) -> Size {
    let Some(edge) = edge else { return source.size() };
    let resized = source.size().shorter_edge(edge);
    if fast {
        source.reduce(resized);
    }
    resized
}

/// Both sides straight to `shape`, after a resize to `edge` if there is one.
pub(crate) fn squash(
    mut source: Source,
    edge: Option<u32>,
    fast: bool,
    shape: InputShape,
    limits: &Limits,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let target = Size::new(shape.width, shape.height);
    let plan = |resized: Size| Plan { shape, resized, warp: None, window: resized.whole(), mirrored: false };
    if edge.is_none() {
        if fast {
            source.reduce(target);
        }
        return plan(target).run(source, limits, out);
    }
    let first = resized(&mut source, edge, fast);
    first.check(shape.channels, limits)?;
    let mut between = buffer(first.whole(), shape.channels)?;
    plan(first).cut(source, first.whole(), false, &mut between)?;
    let between = Pixels::new(first.width, first.height, shape.channels, between)?;
    let squashed = resize::exact(between, target.width, target.height, limits)?;
    crop::copy(&squashed, target.whole(), target.whole(), false, out)
}

fn buffer(region: Region, channels: u32) -> Result<Vec<u8>, ImageError> {
    let len = crop::area(region).saturating_mul(channels as usize);
    scratch::take(len).map_err(|error| ImageError::Library { action: "resize", reason: error.to_string() })
}

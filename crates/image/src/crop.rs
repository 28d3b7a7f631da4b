//! Cutting a window of the network's size out of an image.

use crate::{ImageError, InputShape, Limits, Pixels, resize};

/// The first row and column of a crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// First row.
    pub top: u32,
    /// First column.
    pub left: u32,
}

/// How far a crop of `shape` can move inside `pixels`: rows and columns to spare, zero when the image is no larger.
pub fn slack(pixels: &Pixels, shape: InputShape) -> Offset {
    Offset {
        top: pixels.height().saturating_sub(shape.height),
        left: pixels.width().saturating_sub(shape.width),
    }
}

/// The centre crop: half the slack, truncated.
pub fn centre(pixels: &Pixels, shape: InputShape) -> Offset {
    let slack = slack(pixels, shape);
    Offset { top: slack.top / 2, left: slack.left / 2 }
}

/// Enlarges an image that is smaller than `shape` in some direction until it covers it, keeping the aspect.
///
/// MXNet's rule since 1.3: first the rows, the width following in 32-bit floating point and truncated; then, if still
/// needed, the columns. Earlier versions failed instead.
pub fn enlarge(pixels: Pixels, shape: InputShape, limits: &Limits) -> Result<Pixels, ImageError> {
    let follow = |target: u32, from: u32, other: u32| (target as f32 / from as f32 * other as f32) as u32;
    let mut pixels = pixels;
    if pixels.height() < shape.height {
        let width = follow(shape.height, pixels.height(), pixels.width());
        pixels = resize::exact(pixels, width, shape.height, limits)?;
    }
    if pixels.width() < shape.width {
        let height = follow(shape.width, pixels.width(), pixels.height());
        pixels = resize::exact(pixels, shape.width, height, limits)?;
    }
    Ok(pixels)
}

/// Copies the window of `shape` at `offset` into `out`, (H, W, C).
///
/// Errors when the window leaves the image, the channels differ, or `out` does not hold exactly one such window.
pub fn copy(pixels: &Pixels, shape: InputShape, offset: Offset, out: &mut [u8]) -> Result<(), ImageError> {
    if pixels.channels() != shape.channels {
        return Err(ImageError::Channels { found: pixels.channels() });
    }
    if out.len() != shape.len() || shape.is_empty() {
        return Err(ImageError::BufferSize { found: out.len(), expected: shape.len() });
    }
    let room = slack(pixels, shape);
    let fits = pixels.height() >= shape.height && pixels.width() >= shape.width;
    if !fits || offset.top > room.top || offset.left > room.left {
        return Err(ImageError::CropOutside {
            left: offset.left,
            top: offset.top,
            width: shape.width,
            height: shape.height,
            image_width: pixels.width(),
            image_height: pixels.height(),
        });
    }
    let channels = shape.channels as usize;
    let (start, row) = (offset.left as usize * channels, shape.width as usize * channels);
    let rows = pixels.data().chunks_exact(pixels.row_len()).skip(offset.top as usize);
    for (target, source) in out.chunks_exact_mut(row).zip(rows) {
        target.copy_from_slice(&source[start..start + row]);
    }
    Ok(())
}

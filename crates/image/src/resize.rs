//! Bilinear resizing without antialiasing, on half-pixel centres: what OpenCV calls `INTER_LINEAR` and MXNet uses.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::{ImageError, Limits, Pixels};

/// Resizes so that the shorter edge is `edge`, enlarging too; the longer edge follows in integer arithmetic.
///
/// MXNet's `image_aug_default.cc`: a portrait image gets width = edge and height = edge * rows / cols, any other image
/// height = edge and width = edge * cols / rows, each division truncated.
pub fn shorter_edge(pixels: Pixels, edge: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    let longer = |long: u32, short: u32| {
        u32::try_from(u64::from(edge) * u64::from(long) / u64::from(short.max(1))).unwrap_or(u32::MAX)
    };
    let (rows, cols) = (pixels.height(), pixels.width());
    if rows > cols {
        exact(pixels, edge, longer(rows, cols), limits)
    } else {
        exact(pixels, longer(cols, rows), edge, limits)
    }
}

/// Resizes to exactly `width` x `height`; the aspect is not kept. An image of that size already is returned as it is.
pub fn exact(pixels: Pixels, width: u32, height: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    if (width, height) == (pixels.width(), pixels.height()) {
        return Ok(pixels);
    }
    limits.check_dimensions(width, height)?;
    limits.check_allocation(u64::from(width) * u64::from(height) * u64::from(pixels.channels()))?;

    let failed = |reason: String| ImageError::Library { action: "resize", reason };
    let kind = if pixels.channels() == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let source = ImageRef::new(pixels.width(), pixels.height(), pixels.data(), kind)
        .map_err(|error| failed(error.to_string()))?;
    let mut resized = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut resized, &options).map_err(|error| failed(error.to_string()))?;
    Pixels::new(width, height, pixels.channels(), resized.into_vec())
}

//! Cutting a window of the network's size out of an image.

use crate::{ImageError, InputShape, Limits, Pixels, Region, Size, resize};

/// How far a crop of `shape` can move inside an image of `size`, as (columns, rows); zero when it is no larger.
pub fn slack(size: Size, shape: InputShape) -> (u32, u32) {
    (size.width.saturating_sub(shape.width), size.height.saturating_sub(shape.height))
}

/// The crop of `shape` whose first column and row are `left` and `top`.
pub fn at(left: u32, top: u32, shape: InputShape) -> Region {
    Region { left, top, width: shape.width, height: shape.height }
}

/// The centre crop: half the slack, truncated.
pub fn centre(size: Size, shape: InputShape) -> Region {
    let (columns, rows) = slack(size, shape);
    at(columns / 2, rows / 2, shape)
}

/// The two steps by which an image smaller than `shape` in some direction is enlarged to cover it, keeping the aspect;
/// a step without need changes nothing.
///
/// MXNet's rule since 1.3: first the rows, the width following in 32-bit floating point and truncated; then the columns.
/// Earlier versions failed instead.
pub fn enlarged(size: Size, shape: InputShape) -> [Size; 2] {
    let follow = |target: u32, from: u32, other: u32| (target as f32 / from as f32 * other as f32) as u32;
    let (mut tall, mut wide) = (size, size);
    if tall.height < shape.height {
        tall = Size::new(follow(shape.height, size.height, size.width), shape.height);
        wide = tall;
    }
    if wide.width < shape.width {
        wide = Size::new(shape.width, follow(shape.width, tall.width, tall.height));
    }
    [tall, wide]
}

/// Takes the steps of [`enlarged`].
pub fn enlarge(pixels: Pixels, shape: InputShape, limits: &Limits) -> Result<Pixels, ImageError> {
    let [tall, wide] = enlarged(pixels.size(), shape);
    let pixels = resize::exact(pixels, tall.width, tall.height, limits)?;
    resize::exact(pixels, wide.width, wide.height, limits)
}

/// Copies `window` of an image into `out`, (H, W, C), left and right swapped if `mirrored`. `pixels` are the `region` of
/// the image that is in memory.
///
/// Errors when the window leaves the region, or `out` does not hold exactly the window.
pub fn copy(
    pixels: &Pixels,
    region: Region,
    window: Region,
    mirrored: bool,
    out: &mut [u8],
) -> Result<(), ImageError> {
    check_held(pixels, region, window)?;
    check_buffer(out, window, pixels.channels())?;
    let channels = pixels.channels() as usize;
    let start = (window.left - region.left) as usize * channels;
    let row = window.width as usize * channels;
    let rows = pixels.data().chunks_exact(pixels.row_len()).skip((window.top - region.top) as usize);
    for (target, source) in out.chunks_exact_mut(row).zip(rows) {
        target.copy_from_slice(&source[start..start + row]);
        if mirrored {
            mirror(target, channels);
        }
    }
    Ok(())
}

/// Swaps left and right of one row in place.
pub(crate) fn mirror(row: &mut [u8], channels: usize) {
    row.reverse();
    // That also reversed the order of the channels within each pixel.
    if channels > 1 {
        row.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
    }
}

/// Refuses a window that is empty or not part of `region`, and pixels that are not those of `region`.
pub(crate) fn check_held(pixels: &Pixels, region: Region, window: Region) -> Result<(), ImageError> {
    if pixels.size() != Size::new(region.width, region.height) {
        let expected = area(region).saturating_mul(pixels.channels() as usize);
        return Err(ImageError::BufferSize { found: pixels.data().len(), expected });
    }
    check_inside(region, window)
}

/// Refuses a window that is empty or not part of `region`.
pub(crate) fn check_inside(region: Region, window: Region) -> Result<(), ImageError> {
    let inside = |from: u32, len: u32, start: u32, size: u32| {
        len > 0 && from >= start && u64::from(from) + u64::from(len) <= u64::from(start) + u64::from(size)
    };
    if inside(window.left, window.width, region.left, region.width)
        && inside(window.top, window.height, region.top, region.height)
    {
        return Ok(());
    }
    Err(ImageError::CropOutside {
        left: window.left,
        top: window.top,
        width: window.width,
        height: window.height,
        image_width: region.width,
        image_height: region.height,
    })
}

/// Refuses an `out` that does not hold exactly `window` with `channels`.
pub(crate) fn check_buffer(out: &[u8], window: Region, channels: u32) -> Result<(), ImageError> {
    let expected = area(window).saturating_mul(channels as usize);
    if out.len() == expected { Ok(()) } else { Err(ImageError::BufferSize { found: out.len(), expected }) }
}

/// Pixels of a region.
pub(crate) fn area(region: Region) -> usize {
    (region.width as usize).saturating_mul(region.height as usize)
}

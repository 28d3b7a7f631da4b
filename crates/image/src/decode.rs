//! Encoded bytes to 8-bit grey or RGB pixels.

mod convert;
mod pnm;
mod small_png;
mod source;
mod turn;

pub use source::Source;

use crate::{ImageError, Limits, Pixels, Region};

/// Decodes the first frame of `encoded` into `channels` (1 grey, 3 RGB) of 8 bits.
///
/// All as OpenCV's `imdecode`, which MXNet uses: alpha is dropped, also where a palette or a key colour has it; 16-bit
/// samples keep their high byte (of TIFF they are rounded); grey is replicated to RGB; RGB becomes grey by ITU-R 601
/// weights, and a baseline JPEG is grey by its luma alone; gamma and colour profiles are ignored; the Exif orientation
/// of JPEG, PNG, WebP and TIFF is applied (OpenCV before 5.0 does not look into WebP).
///
/// Not as OpenCV, within 2 grey levels: CMYK and YCCK JPEGs, and progressive ones. Otherwise: TIFF's alpha is dropped
/// without darkening the colours, a PNM's greatest value becomes 255 even if it is less, and floating-point TIFF, where
/// supported at all, is taken as 0..1. The header is checked against `limits` before pixels are allocated.
pub fn decode(encoded: &[u8], channels: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    let source = Source::open(encoded, channels, limits)?;
    let whole = source.size().whole();
    source.region(whole)
}

/// Decodes only `region` of the upright image: the pixels [`decode`] has there, sooner where the format allows it.
pub fn region(encoded: &[u8], channels: u32, limits: &Limits, region: Region) -> Result<Pixels, ImageError> {
    Source::open(encoded, channels, limits)?.region(region)
}

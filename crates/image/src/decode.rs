//! Encoded bytes to 8-bit grey or RGB pixels.

mod convert;
mod source;
mod turn;

pub use source::Source;

use crate::{ImageError, Limits, Pixels, Region};

/// Decodes the first frame of `encoded` into `channels` (1 grey, 3 RGB) of 8 bits.
///
/// Alpha is dropped, 16-bit samples keep their high byte, grey is replicated to RGB and RGB becomes grey by ITU-R 601
/// weights; colour profiles are ignored: all as OpenCV's `imdecode`, which MXNet uses. The Exif orientation of a JPEG
/// is applied. CMYK JPEGs are converted. The header is checked against `limits` before pixels are allocated.
pub fn decode(encoded: &[u8], channels: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    let source = Source::open(encoded, channels, limits)?;
    let whole = source.size().whole();
    source.region(whole)
}

/// Decodes only `region` of the upright image: the pixels [`decode`] has there, sooner where the format allows it.
pub fn region(encoded: &[u8], channels: u32, limits: &Limits, region: Region) -> Result<Pixels, ImageError> {
    Source::open(encoded, channels, limits)?.region(region)
}

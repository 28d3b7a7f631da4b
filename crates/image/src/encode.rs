//! Pixels back to bytes, for tests and tools.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::{ImageError, Pixels};

/// Encodes as an 8-bit grey or RGB PNG; lossless, so decoding gives the same pixels back.
pub fn png(pixels: &Pixels) -> Result<Vec<u8>, ImageError> {
    let color = if pixels.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new(Cursor::new(&mut bytes))
        .write_image(pixels.data(), pixels.width(), pixels.height(), color)
        .map_err(|error| ImageError::Library { action: "encode", reason: error.to_string() })?;
    Ok(bytes)
}

//! Pixels back to bytes, for tests and tools.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::{ImageError, Pixels};

/// Encodes as an 8-bit grey or RGB PNG; lossless, so decoding gives the same pixels back.
pub fn png(pixels: &Pixels) -> Result<Vec<u8>, ImageError> {
    let color = if pixels.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new(Cursor::new(&mut bytes))
        .write_image(pixels.data(), pixels.width(), pixels.height(), color)
        .map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

/// Encodes as a baseline JPEG of `quality` 1 to 100 on libjpeg's scale, grey or with colour at half the resolution
/// in both directions (4:2:0): as OpenCV's `imencode`, and so MXNet's `im2rec`.
///
/// Errors for a quality outside that range, and for a side above 65,535 pixels, more than a JPEG can have.
pub fn jpeg(pixels: &Pixels, quality: u8) -> Result<Vec<u8>, ImageError> {
    if !(1..=100).contains(&quality) {
        return Err(failed(format!("the JPEG quality is {quality}, expected 1 to 100")));
    }
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width()), u16::try_from(pixels.height())) else {
        let (width, height) = (pixels.width(), pixels.height());
        return Err(failed(format!("it has {width} x {height} pixels, a JPEG at most 65535 x 65535")));
    };
    let color = if pixels.channels() == 1 { ColorType::Luma } else { ColorType::Rgb };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(pixels.data(), width, height, color).map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

fn failed(reason: String) -> ImageError {
    ImageError::Library { action: "encode", reason }
}

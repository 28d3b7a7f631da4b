//! Encoded bytes to 8-bit grey or RGB pixels.

use image::{ColorType, DynamicImage, GrayImage, ImageDecoder, RgbImage, metadata::Orientation};

use crate::probe::open;
use crate::{Format, ImageError, Limits, Pixels};

mod convert;

/// Decodes the first frame of `encoded` into `channels` (1 grey, 3 RGB) of 8 bits.
///
/// Alpha is dropped, 16-bit samples keep their high byte, grey is replicated to RGB and RGB becomes grey by ITU-R 601
/// weights; colour profiles are ignored: all as OpenCV's `imdecode`, which MXNet uses. The Exif orientation of a JPEG
/// is applied. CMYK JPEGs are converted. The header is checked against `limits` before pixels are allocated.
pub fn decode(encoded: &[u8], channels: u32, limits: &Limits) -> Result<Pixels, ImageError> {
    if !matches!(channels, 1 | 3) {
        return Err(ImageError::Channels { found: channels });
    }
    limits.check_encoded(encoded)?;
    let format = Format::sniff(encoded)?;
    let mut decoder = open(encoded, format, limits)?;
    let (width, height) = decoder.dimensions();
    limits.check_dimensions(width, height)?;
    limits.check_allocation(decoder.total_bytes())?;

    let failed = |error: image::ImageError| ImageError::Decode { format, reason: error.to_string() };
    let orientation = if format == Format::Jpeg {
        decoder.orientation().map_err(failed)?
    } else {
        Orientation::NoTransforms
    };
    let color = decoder.color_type();
    // The check above bounds this by `max_allocation`; on a 32-bit machine that may still not fit.
    let length = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut data = Vec::new();
    data.try_reserve_exact(length)
        .map_err(|error| ImageError::Decode { format, reason: error.to_string() })?;
    data.resize(length, 0);
    decoder.read_image(&mut data).map_err(failed)?;

    let data = convert::channels(convert::eight_bit(data, color), components(color), channels);
    orient(Pixels::new(width, height, channels, data)?, orientation)
}

/// Components a pixel has before conversion: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
fn components(color: ColorType) -> usize {
    usize::from(color.channel_count())
}

fn orient(pixels: Pixels, orientation: Orientation) -> Result<Pixels, ImageError> {
    if orientation == Orientation::NoTransforms {
        return Ok(pixels);
    }
    let (width, height, channels) = (pixels.width(), pixels.height(), pixels.channels());
    let image = if channels == 1 {
        GrayImage::from_raw(width, height, pixels.into_data()).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels.into_data()).map(DynamicImage::ImageRgb8)
    };
    #[expect(clippy::expect_used, reason = "`Pixels` holds exactly width x height x channels bytes")]
    let mut image = image.expect("the buffer fits the image");
    image.apply_orientation(orientation);
    Pixels::new(image.width(), image.height(), channels, image.into_bytes())
}

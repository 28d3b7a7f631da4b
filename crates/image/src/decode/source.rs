//! An encoded image of which the header has been read, and then any region.

use image::ImageDecoder;
use image::metadata::Orientation;

use super::convert;
use super::pnm::Raster;
use super::small_png::SmallPng;
use super::turn::Turn;
use crate::jpeg::{Jpeg, JpegFault, Scale};
use crate::probe::open;
use crate::shelter::sheltered;
use crate::{Format, ImageError, Limits, Pixels, Region, Size, crop, scratch};

/// An encoded image whose header is known and within the limits, still to be decoded.
pub struct Source<'a> {
    codec: Codec<'a>,
    turn: Turn,
    size: Size,
    channels: u32,
    limits: Limits,
}

/// Who decodes. Each knows the size as stored and how to decode a region of that.
enum Codec<'a> {
    /// Baseline JPEG: decodes the region alone, of the image scaled down if that was asked for.
    Jpeg { jpeg: Jpeg<'a>, encoded: &'a [u8], scale: Scale },
    /// The plainest small PNG: decodes everything, quickly.
    Png { png: SmallPng<'a>, encoded: &'a [u8] },
    /// Nothing to decode.
    Pnm(Raster<'a>),
    /// Whatever the format: decodes everything, then cuts.
    General { format: Format, decoder: Box<dyn ImageDecoder + 'a> },
}

impl<'a> Source<'a> {
    /// Reads the header and checks it against `limits`; `channels` is 1 (grey) or 3 (RGB).
    pub fn open(encoded: &'a [u8], channels: u32, limits: &Limits) -> Result<Self, ImageError> {
        if !matches!(channels, 1 | 3) {
            return Err(ImageError::Channels { found: channels });
        }
        limits.check_encoded(encoded)?;
        let format = Format::sniff(encoded)?;
        let (codec, stored, orientation) = Codec::open(encoded, format, limits)?;
        stored.check(channels, limits)?;
        plausible(stored, encoded, format)?;
        let turn = Turn::from_exif(orientation);
        Ok(Self { codec, turn, size: turn.size(stored), channels, limits: *limits })
    }

    /// Columns and rows, upright.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Lets the decoder shrink the image by 2, 4 or 8 on the way, as long as no edge gets shorter than in `least`.
    ///
    /// Changes [`size`](Self::size), rounded up, if the decoder can do that: that of baseline JPEG can.
    pub fn reduce(&mut self, least: Size) {
        let least = self.turn.size(least);
        if let Some(reduced) = self.codec.reduce(least) {
            self.size = self.turn.size(reduced);
        }
    }

    /// Decodes `region`, exactly the pixels that the whole image has there.
    pub fn region(self, region: Region) -> Result<Pixels, ImageError> {
        crop::check_inside(self.size.whole(), region)?;
        let stored = self.turn.stored(region, self.size);
        let pixels = self.codec.region(stored, self.channels, &self.limits)?;
        if self.turn == Turn::default() {
            return Ok(pixels);
        }
        let upright = self.turn.apply(&pixels);
        scratch::give(pixels.into_data());
        Pixels::new(region.width, region.height, self.channels, upright)
    }
}

impl<'a> Codec<'a> {
    /// The decoder for `encoded`, the stored size and the Exif orientation.
    fn open(encoded: &'a [u8], format: Format, limits: &Limits) -> Result<(Self, Size, u8), ImageError> {
        match format {
            Format::Jpeg => {
                if let Some(jpeg) = Jpeg::parse(encoded) {
                    let (size, orientation) = (Size::new(jpeg.width(), jpeg.height()), jpeg.orientation());
                    return Ok((Self::Jpeg { jpeg, encoded, scale: Scale::Full }, size, orientation));
                }
            }
            Format::Png => {
                if let Some(png) = SmallPng::parse(encoded) {
                    let size = png.size;
                    return Ok((Self::Png { png, encoded }, size, 1));
                }
            }
            Format::Pnm => {
                if let Some(raster) = Raster::parse(encoded) {
                    let size = raster.size;
                    return Ok((Self::Pnm(raster), size, 1));
                }
            }
            _ => {}
        }
        sheltered(format, || {
            let mut decoder = open(encoded, format, limits)?;
            let size = Size::from(decoder.dimensions());
            // Metadata that cannot be read turns nothing, as in OpenCV.
            let orientation = decoder.orientation().map_or(1, Orientation::to_exif);
            Ok((Self::General { format, decoder: Box::new(decoder) }, size, orientation))
        })
    }

    /// Chooses the smallest reduction that keeps `least`, and says to which size. `None`: nothing changes.
    fn reduce(&mut self, least: Size) -> Option<Size> {
        let Self::Jpeg { jpeg, scale, .. } = self else { return None };
        let reduced = |scale| Size::from(jpeg.size(scale));
        let keeps = |size: Size| size.width >= least.width && size.height >= least.height;
        let smallest = [Scale::Eighth, Scale::Quarter, Scale::Half];
        *scale = smallest.into_iter().find(|scale| keeps(reduced(*scale)))?;
        Some(reduced(*scale))
    }

    fn region(self, region: Region, channels: u32, limits: &Limits) -> Result<Pixels, ImageError> {
        // The general decoder makes the best of a damaged file, as OpenCV does, or says what is wrong with it.
        let again = |encoded: &'a [u8], format: Format| {
            let decoder: Box<dyn ImageDecoder> =
                sheltered(format, || Ok(Box::new(open(encoded, format, limits)?) as _))?;
            general(format, decoder, region, channels, limits)
        };
        match self {
            Self::Jpeg { jpeg, encoded, scale } => match jpeg.decode_scaled(channels, scale, region) {
                Err(JpegFault::Request(error)) => Err(error),
                // The general decoder knows no scale.
                Err(fault) if scale != Scale::Full => {
                    Err(ImageError::Decode { format: Format::Jpeg, reason: fault.to_string() })
                }
                Err(_) => again(encoded, Format::Jpeg),
                Ok(pixels) => Ok(pixels),
            },
            Self::Png { png, encoded } => match sheltered(Format::Png, || Ok(png.decode()))? {
                None => again(encoded, Format::Png),
                Some(data) => {
                    let data = convert::channels(data, png.channels, channels, Format::Png);
                    cut(Pixels::new(png.size.width, png.size.height, channels, data)?, region)
                }
            },
            Self::Pnm(raster) => {
                let mut data = scratch::take(0).unwrap_or_default();
                raster.copy(region, &mut data);
                let data = convert::channels(data, raster.channels, channels, Format::Pnm);
                Pixels::new(region.width, region.height, channels, data)
            }
            Self::General { format, decoder } => general(format, decoder, region, channels, limits),
        }
    }
}

/// Refuses a header that the data behind it cannot possibly fill, before memory is spent on its promise.
fn plausible(size: Size, encoded: &[u8], format: Format) -> Result<(), ImageError> {
    let pixels_per_byte = match format {
        // Deflate repeats at most 258 bytes for two bits, a byte is at most 8 pixels.
        Format::Png => 1032 * 8,
        // A block of 64 pixels is at least one bit. A file of which three quarters are missing may still be looked at.
        Format::Jpeg => 64 * 8 * 4,
        _ => return Ok(()),
    };
    let (pixels, bytes) = (u64::from(size.width) * u64::from(size.height), encoded.len() as u64);
    if pixels <= bytes.saturating_mul(pixels_per_byte) {
        return Ok(());
    }
    let Size { width, height } = size;
    let promise = format!("the header promises {width} x {height} pixels (width x height)");
    Err(failed(format, &format!("{promise}, more than {bytes} bytes can hold")))
}

/// Decodes everything and cuts `region` out.
fn general(
    format: Format,
    decoder: Box<dyn ImageDecoder + '_>,
    region: Region,
    channels: u32,
    limits: &Limits,
) -> Result<Pixels, ImageError> {
    limits.check_allocation(decoder.total_bytes())?;
    let color = decoder.color_type();
    let size = Size::from(decoder.dimensions());
    // The check bounds this by `max_allocation`; on a 32-bit machine that may still not fit.
    let length = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut data = scratch::take(length).map_err(|error| failed(format, &error))?;
    sheltered(format, || decoder.read_image_boxed(&mut data).map_err(|error| failed(format, &error)))?;
    let data = convert::eight_bit(data, color, format);
    let data = convert::channels(data, usize::from(color.channel_count()), channels, format);
    cut(Pixels::new(size.width, size.height, channels, data)?, region)
}

/// Cuts `region` out of the whole image.
fn cut(pixels: Pixels, region: Region) -> Result<Pixels, ImageError> {
    let (whole, channels) = (pixels.size().whole(), pixels.channels());
    if region == whole {
        return Ok(pixels);
    }
    let mut part = vec![0; crop::area(region) * channels as usize];
    crop::copy(&pixels, whole, region, false, &mut part)?;
    scratch::give(pixels.into_data());
    Pixels::new(region.width, region.height, channels, part)
}

fn failed(format: Format, error: &impl ToString) -> ImageError {
    ImageError::Decode { format, reason: error.to_string() }
}

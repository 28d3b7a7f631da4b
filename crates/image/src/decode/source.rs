//! An encoded image of which the header has been read, and then any region.

use image::ImageDecoder;

use super::convert;
use super::turn::Turn;
use crate::jpeg::{Jpeg, JpegFault};
use crate::probe::open;
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
    /// Baseline JPEG: decodes the region alone.
    Jpeg { jpeg: Jpeg<'a>, encoded: &'a [u8] },
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
        let turn = Turn::from_exif(orientation);
        Ok(Self { codec, turn, size: turn.size(stored), channels, limits: *limits })
    }

    /// Columns and rows, upright.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Lets the decoder shrink the image by 2, 4 or 8 on the way, as long as no edge gets shorter than in `least`.
    ///
    /// Changes [`size`](Self::size), rounded up, if this decoder can do that at all. None can so far.
    pub fn reduce(&mut self, least: Size) {
        let stored = self.turn.size(self.size);
        let least = self.turn.size(least);
        if let Some(reduced) = self.codec.reduce(stored, least) {
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
        if format == Format::Jpeg
            && let Some(jpeg) = Jpeg::parse(encoded)
        {
            let (stored, orientation) = (Size::new(jpeg.width(), jpeg.height()), jpeg.orientation());
            return Ok((Self::Jpeg { jpeg, encoded }, stored, orientation));
        }
        let mut decoder = open(encoded, format, limits)?;
        let (width, height) = decoder.dimensions();
        limits.check_dimensions(width, height)?;
        let orientation = if format == Format::Jpeg {
            decoder.orientation().map_err(|error| failed(format, error))?.to_exif()
        } else {
            1
        };
        let decoder = Box::new(decoder);
        Ok((Self::General { format, decoder }, Size::new(width, height), orientation))
    }

    /// Chooses the smallest reduction that keeps `least`, and says to which size. `None`: nothing changes.
    fn reduce(&mut self, _stored: Size, _least: Size) -> Option<Size> {
        match self {
            // Here goes a decoder's scaled inverse transform, when it has one.
            Self::Jpeg { .. } | Self::General { .. } => None,
        }
    }

    fn region(self, region: Region, channels: u32, limits: &Limits) -> Result<Pixels, ImageError> {
        match self {
            Self::Jpeg { jpeg, encoded } => match jpeg.decode(channels, region) {
                Ok(pixels) => Ok(pixels),
                Err(JpegFault::Request(error)) => Err(error),
                // The general decoder makes the best of a damaged file, as OpenCV does.
                Err(_) => general(
                    Format::Jpeg,
                    Box::new(open(encoded, Format::Jpeg, limits)?),
                    region,
                    channels,
                    limits,
                ),
            },
            Self::General { format, decoder } => general(format, decoder, region, channels, limits),
        }
    }
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
    let mut data = scratch::take(length).map_err(|error| failed(format, error))?;
    decoder.read_image_boxed(&mut data).map_err(|error| failed(format, error))?;
    let data =
        convert::channels(convert::eight_bit(data, color), usize::from(color.channel_count()), channels);
    let pixels = Pixels::new(size.width, size.height, channels, data)?;
    if region == size.whole() {
        return Ok(pixels);
    }
    let mut part =
        scratch::take(crop::area(region) * channels as usize).map_err(|error| failed(format, error))?;
    crop::copy(&pixels, size.whole(), region, false, &mut part)?;
    scratch::give(pixels.into_data());
    Pixels::new(region.width, region.height, channels, part)
}

fn failed(format: Format, error: impl ToString) -> ImageError {
    ImageError::Decode { format, reason: error.to_string() }
}

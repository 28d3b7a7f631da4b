//! Baseline JPEG, whole or in part, bit for bit as libjpeg-turbo with its default settings.
//!
//! - `header`: the marker segments, and which files are left to a general decoder; `orientation`: Exif
//! - `segments`: the entropy-coded bytes without stuffing; `bits`, `huffman`, `block`: coefficients from them
//! - `idct`: coefficients to samples; `plan`: which blocks a region needs; `strip`: where their samples wait
//! - `upsample`, `colour`, `output`: samples to pixels; `scan`: the pass that drives it all; `dispatch` and `kernel`:
//!   the same for the processor at hand; `scratch`: kept memory
//!
//! A region costs less than the image: blocks outside are stepped over, nothing below is looked at, and restart markers
//! are used to start late. The pixels are those of a full decode all the same. Memory besides the pixels grows with
//! the width and the encoded length only.

mod bits;
mod block;
mod colour;
mod dispatch;
mod header;
mod huffman;
mod idct;
mod kernel;
mod orientation;
mod output;
mod plan;
mod scan;
mod scratch;
mod segments;
mod strip;
mod upsample;

use crate::{ImageError, Pixels, Region};
use header::Header;
use plan::Plan;

/// Why a file whose header is sound was not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegFault {
    /// The file ends before the EOI marker, or a part of it before its last block.
    #[error("the JPEG's entropy-coded data ends early")]
    Truncated,
    /// Something other than a restart marker in its turn, or EOI, interrupts the scan.
    #[error("marker 0x{found:02x} stands in the JPEG's scan, expected EOI or the next restart marker")]
    Marker {
        /// The byte behind 0xFF.
        found: u8,
    },
    /// Bits that no Huffman code stands for, or a block of more than 64 coefficients.
    #[error(
        "the JPEG's entropy-coded data is damaged: invalid code, or a block of more than 64 coefficients"
    )]
    Code,
    /// The buffer for the pixels cannot be had.
    #[error("no memory for {bytes} bytes of pixels")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The request makes no sense for this image.
    #[error(transparent)]
    Request(#[from] ImageError),
}

/// How many pixels a side become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scale {
    /// 1: every pixel stays.
    Full,
    /// 2.
    Half,
    /// 4.
    Quarter,
    /// 8.
    Eighth,
}

impl Scale {
    /// Pixels a side that eight become.
    const fn eighths(self) -> u32 {
        match self {
            Self::Full => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// A JPEG whose header has been read, and is of the kind decoded here.
#[derive(Debug, Clone)]
pub struct Jpeg<'a> {
    header: Header<'a>,
}

impl<'a> Jpeg<'a> {
    /// Reads the header.
    ///
    /// `None` for what is left to a general decoder: progressive, arithmetic, lossless and 12-bit files, four
    /// components, several scans, sampling factors other than 1, 2 and 4, a height that follows the scan (DNL), and
    /// damaged headers.
    pub fn parse(encoded: &'a [u8]) -> Option<Self> {
        header::read(encoded).map(|header| Self { header })
    }

    /// Columns as stored, before any orientation.
    pub fn width(&self) -> u32 {
        self.header.width
    }

    /// Rows as stored, before any orientation.
    pub fn height(&self) -> u32 {
        self.header.height
    }

    /// The Exif orientation 1..=8; 1, as it stands, when the file does not say.
    pub fn orientation(&self) -> u8 {
        self.header.orientation
    }

    /// Columns and rows when decoded by `scale`, before any orientation: rounded up.
    pub fn size(&self, scale: Scale) -> (u32, u32) {
        (plan::scaled(self.width(), scale.eighths()), plan::scaled(self.height(), scale.eighths()))
    }

    /// Decodes `region` into 1 (grey) or 3 (RGB) channels, as stored: exactly the pixels that a full decode has there.
    ///
    /// Grey is the luma of a YCbCr file. Errors when the region is not in the image, the data is damaged as far as it
    /// is looked at, or the file does not end with EOI; bytes behind that are ignored. A scan too short for its
    /// blocks, at two bits each, is refused before memory is spent on it.
    pub fn decode(&self, channels: u32, region: Region) -> Result<Pixels, JpegFault> {
        self.decode_scaled(channels, Scale::Full, region)
    }

    /// The same of the image scaled down by leaving out the finer part of each block, which saves most of the work
    /// behind the entropy decoding; `region` counts in pixels of the result. libjpeg's `scale_denom`, bit for bit.
    pub fn decode_scaled(&self, channels: u32, scale: Scale, region: Region) -> Result<Pixels, JpegFault> {
        let (image_width, image_height) = self.size(scale);
        if !matches!(channels, 1 | 3) {
            return Err(ImageError::Channels { found: channels }.into());
        }
        if !region.fits(image_width, image_height) {
            let Region { left, top, width, height } = region;
            return Err(
                ImageError::CropOutside { left, top, width, height, image_width, image_height }.into()
            );
        }
        let plan = Plan::new(&self.header, region, channels, scale.eighths());
        let data = scratch::decode(&self.header, &plan, channels)?;
        Ok(Pixels::new(region.width, region.height, channels, data)?)
    }
}

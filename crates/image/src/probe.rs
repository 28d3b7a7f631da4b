//! What an image's header says, without decoding it.

use std::fmt;
use std::io::Cursor;

use image::{ImageDecoder, ImageFormat, ImageReader};

use crate::shelter::sheltered;
use crate::{ImageError, Limits};

/// The encodings that are recognised, by content and never by file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, in its JFIF, Exif or bare form.
    Jpeg,
    /// Graphics Interchange Format; only the first frame counts.
    Gif,
    /// WebP; only the first frame counts.
    Webp,
    /// Windows bitmap.
    Bmp,
    /// Tagged Image File Format; only the first page counts.
    Tiff,
    /// Portable bitmap, graymap, pixmap (P1 to P6) and arbitrary map (P7).
    Pnm,
    /// Quite OK Image.
    Qoi,
}

impl Format {
    /// The lower-case name, such as `png` or `jpeg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Pnm => "pnm",
            Self::Qoi => "qoi",
        }
    }

    /// Recognises the format by the first bytes.
    pub fn sniff(encoded: &[u8]) -> Result<Self, ImageError> {
        match image::guess_format(encoded) {
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Gif) => Ok(Self::Gif),
            Ok(ImageFormat::WebP) => Ok(Self::Webp),
            Ok(ImageFormat::Bmp) => Ok(Self::Bmp),
            Ok(ImageFormat::Tiff) => Ok(Self::Tiff),
            Ok(ImageFormat::Pnm) => Ok(Self::Pnm),
            Ok(ImageFormat::Qoi) => Ok(Self::Qoi),
            _ if encoded.is_empty() => Err(ImageError::Empty),
            _ => {
                let first: Vec<String> = encoded.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Err(ImageError::UnknownFormat { first: first.join(" ") })
            }
        }
    }

    fn codec(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Gif => ImageFormat::Gif,
            Self::Webp => ImageFormat::WebP,
            Self::Bmp => ImageFormat::Bmp,
            Self::Tiff => ImageFormat::Tiff,
            Self::Pnm => ImageFormat::Pnm,
            Self::Qoi => ImageFormat::Qoi,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// By content.
    pub format: Format,
    /// Columns as stored, before any Exif orientation.
    pub width: u32,
    /// Rows as stored, before any Exif orientation.
    pub height: u32,
}

/// Reads format and size from the header; no pixel is decoded, so no limit on pixels applies.
pub fn probe(encoded: &[u8]) -> Result<Probe, ImageError> {
    let format = Format::sniff(encoded)?;
    let (width, height) = sheltered(format, || Ok(open(encoded, format, &Limits::default())?.dimensions()))?;
    Ok(Probe { format, width, height })
}

/// A decoder that has read the header and nothing else; to be [`sheltered`].
pub(crate) fn open<'a>(
    encoded: &'a [u8],
    format: Format,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(encoded), format.codec());
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.max_allocation);
    reader.limits(bounds);
    reader.into_decoder().map_err(|error| ImageError::Decode { format, reason: error.to_string() })
}

//! What can be wrong with an image, or with a request about one.

use crate::Format;

/// Why bytes did not become pixels. Every variant is the fault of the input, never of the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No bytes at all.
    #[error("the image is empty: expected the bytes of a PNG, JPEG, GIF, WebP, BMP, TIFF, PNM or QOI file")]
    Empty,
    /// One of the [`Limits`](crate::Limits) is exceeded; found before the memory was spent.
    #[error("the image is too large: {what} would be {found}, the limit is {limit}")]
    TooLarge {
        /// The quantity, with its unit, such as `encoded bytes`.
        what: &'static str,
        /// What the input asks for.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The first bytes belong to none of the known formats.
    #[error(
        "unknown image format: expected PNG, JPEG, GIF, WebP, BMP, TIFF, PNM or QOI, the first bytes are {first}"
    )]
    UnknownFormat {
        /// Up to eight bytes in hexadecimal, separated by blanks.
        first: String,
    },
    /// The format is known, the content is broken or uses an unsupported part of it.
    #[error("cannot decode the {format} image: {reason}")]
    Decode {
        /// As the first bytes say, whatever the file was called.
        format: Format,
        /// The decoder's own words.
        reason: String,
    },
    /// Only grey (1) and RGB (3) exist here.
    #[error("unsupported number of channels {found}: expected 1 (grey) or 3 (RGB)")]
    Channels {
        /// The number asked for.
        found: u32,
    },
    /// A width or height of zero.
    #[error("the image has no pixels: {width} x {height} (width x height)")]
    NoPixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A buffer does not hold what its dimensions say.
    #[error("the pixel buffer holds {found} bytes, expected {expected}")]
    BufferSize {
        /// Length of the buffer given.
        found: usize,
        /// Height x width x channels.
        expected: usize,
    },
    /// A crop that reaches outside its image.
    #[error(
        "the crop of {width} x {height} at ({left}, {top}) leaves the image of {image_width} x {image_height} pixels"
    )]
    CropOutside {
        /// First column.
        left: u32,
        /// First row.
        top: u32,
        /// Columns asked for.
        width: u32,
        /// Rows asked for.
        height: u32,
        /// Columns there are.
        image_width: u32,
        /// Rows there are.
        image_height: u32,
    },
    /// A text that is not `channels,height,width`.
    #[error(
        "invalid image shape '{found}': expected channels,height,width such as 3,224,224, with 1 or 3 channels"
    )]
    Shape {
        /// The text as given.
        found: String,
    },
    /// Resizing or encoding failed inside the library that does it.
    #[error("cannot {action} the image: {reason}")]
    Library {
        /// `resize` or `encode`.
        action: &'static str,
        /// The library's own words.
        reason: String,
    },
}

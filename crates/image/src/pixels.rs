//! A decoded image in memory.

use crate::{ImageError, Size};

/// 8-bit grey or RGB pixels, row by row, channels last (H, W, C).
///
/// Invariant: neither side is zero, and the data holds exactly height x width x channels bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    channels: u32,
    data: Vec<u8>,
}

impl Pixels {
    /// Takes `data` as an image of `width` x `height` with 1 or 3 `channels`.
    ///
    /// Errors when the length does not fit the dimensions, a side is zero, or the channels are neither 1 nor 3.
    pub fn new(width: u32, height: u32, channels: u32, data: Vec<u8>) -> Result<Self, ImageError> {
        if !matches!(channels, 1 | 3) {
            return Err(ImageError::Channels { found: channels });
        }
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        let expected = (width as usize).saturating_mul(height as usize).saturating_mul(channels as usize);
        if data.len() != expected {
            return Err(ImageError::BufferSize { found: data.len(), expected });
        }
        Ok(Self { width, height, channels, data })
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// The bytes, (H, W, C).
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, (H, W, C), without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// Bytes in one row.
    pub(crate) fn row_len(&self) -> usize {
        self.width as usize * self.channels as usize
    }
}

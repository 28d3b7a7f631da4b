//! Bounds on what one image may cost.

use serde::{Deserialize, Serialize};

use crate::ImageError;

const MIB: u64 = 1 << 20;

/// What one image may cost, checked on its length and header before anything is allocated for its pixels.
///
/// A few kilobytes of PNG can stand for gigabytes of pixels, so the encoded length alone protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Encoded bytes of one image. Default 64 MiB: a SageMaker endpoint takes 6 MB, batch transform up to 100 MB.
    pub max_bytes: u64,
    /// Width x height, as the header states it and after every resize. Default 100 million, above any usual camera.
    pub max_pixels: u64,
    /// Bytes of a single decoded image, and of the decoder's own buffers. Default 512 MiB.
    pub max_allocation: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 64 * MIB, max_pixels: 100_000_000, max_allocation: 512 * MIB }
    }
}

impl Limits {
    /// Refuses encoded input that is empty or longer than `max_bytes`.
    pub(crate) fn check_encoded(&self, encoded: &[u8]) -> Result<(), ImageError> {
        if encoded.is_empty() {
            return Err(ImageError::Empty);
        }
        at_most("encoded bytes", encoded.len() as u64, self.max_bytes)
    }

    /// Refuses dimensions with no pixels or with more than `max_pixels`.
    pub(crate) fn check_dimensions(&self, width: u32, height: u32) -> Result<(), ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        at_most("pixels", u64::from(width) * u64::from(height), self.max_pixels)
    }

    /// Refuses a decoded buffer of more than `max_allocation` bytes.
    pub(crate) fn check_allocation(&self, bytes: u64) -> Result<(), ImageError> {
        at_most("decoded bytes", bytes, self.max_allocation)
    }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), ImageError> {
    if found > limit { Err(ImageError::TooLarge { what, found, limit }) } else { Ok(()) }
}

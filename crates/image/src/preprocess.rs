//! The evaluation path: what validation and serving do to an image, recorded in the artifact.

use serde::{Deserialize, Serialize};

use crate::decode::Source;
use crate::plan::{self, Plan};
use crate::{ImageError, InputShape, Limits, crop};

/// How an image is brought to the network's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Keep the aspect and cut the centre out, enlarging an image that is too small. Validation in MXNet.
    CenterCrop,
    /// Resize both sides to the target, aspect not kept. Serving in the built-in algorithm.
    Squash,
}

/// Everything that happens to an image between its bytes and the network when nothing is random.
///
/// Validation and serving both go through [`Preprocess::apply`] with the same value, so a score measured in training
/// is the score an endpoint has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocess {
    /// The network's input.
    pub shape: InputShape,
    /// Shorter edge after a first resize; `None` leaves the size as decoded.
    pub resize: Option<u32>,
    /// How the result is brought to `shape`.
    pub fit: Fit,
    /// Lets a decoder that can do so shrink the image on the way: faster, with slightly other pixels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fast_decode: bool,
}

impl Preprocess {
    /// Resize, then centre crop: what training in MXNet does to validation images.
    pub fn center_crop(shape: InputShape, resize: Option<u32>) -> Self {
        Self { shape, resize, fit: Fit::CenterCrop, fast_decode: false }
    }

    /// Straight to the target size: what the built-in algorithm's endpoint does, hence what imported models expect.
    pub fn squash(shape: InputShape) -> Self {
        Self { shape, resize: None, fit: Fit::Squash, fast_decode: false }
    }

    /// Decodes one image and writes it to `out` as H x W x C bytes; `out` holds exactly `shape.len()` of them.
    pub fn apply(&self, encoded: &[u8], limits: &Limits, out: &mut [u8]) -> Result<(), ImageError> {
        let shape = self.shape;
        let mut source = Source::open(encoded, shape.channels, limits)?;
        if self.fit == Fit::Squash {
            return plan::squash(source, self.resize, self.fast_decode, shape, limits, out);
        }
        let resized = plan::resized(&mut source, self.resize, self.fast_decode);
        let [_, size] = crop::enlarged(resized, shape);
        let window = crop::centre(size, shape);
        Plan { shape, resized, warp: None, window, mirrored: false }.run(source, limits, out)
    }
}

//! The training path: like [`preprocess`](crate::preprocess), with chance in it.

use serde::{Deserialize, Serialize};

use crate::{ImageError, InputShape, Limits, crop, decode, resize};

/// What is random about a training image; the `augmentation_type` hyperparameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// Centre crop, never mirrored.
    #[default]
    None,
    /// A random crop, mirrored left to right half of the time.
    Crop,
}

/// Everything that happens to a training image between its bytes and the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainTransform {
    /// The network's input.
    pub shape: InputShape,
    /// Shorter edge after a first resize; `None` leaves the size as decoded.
    pub resize: Option<u32>,
    /// What is random.
    pub augmentation: Augmentation,
}

impl TrainTransform {
    /// Decodes one image and writes it to `out` as H x W x C bytes; `out` holds exactly `shape.len()` of them.
    ///
    /// `random` supplies uniform 32-bit numbers: row offset, column offset, then the mirror's coin, in MXNet's order.
    /// Without augmentation none is drawn.
    pub fn apply(
        &self,
        encoded: &[u8],
        limits: &Limits,
        random: &mut impl FnMut() -> u32,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        let shape = self.shape;
        let mut pixels = decode(encoded, shape.channels, limits)?;
        if let Some(edge) = self.resize {
            pixels = resize::shorter_edge(pixels, edge, limits)?;
        }
        let pixels = crop::enlarge(pixels, shape, limits)?;
        let (size, whole) = (pixels.size(), pixels.size().whole());
        match self.augmentation {
            Augmentation::None => crop::copy(&pixels, whole, crop::centre(size, shape), false, out),
            Augmentation::Crop => {
                let (columns, rows) = crop::slack(size, shape);
                let top = up_to(rows, random());
                let left = up_to(columns, random());
                let mirrored = random() >> 31 == 1;
                crop::copy(&pixels, whole, crop::at(left, top, shape), mirrored, out)
            }
        }
    }
}

/// A uniform number in `0..=last` from 32 random bits, by multiplication. The bias is below `last` in 2^32.
fn up_to(last: u32, bits: u32) -> u32 {
    // At most `last`, since bits / 2^32 < 1.
    ((u64::from(bits) * (u64::from(last) + 1)) >> 32) as u32
}

//! The training path: like [`preprocess`](crate::preprocess), with chance in it.

use serde::{Deserialize, Serialize};

use crate::affine::{Distortion, Warp};
use crate::color::{self, Offsets};
use crate::decode::Source;
use crate::plan::{self, Plan};
use crate::{ImageError, InputShape, Limits, Size, crop};

mod chance;

/// What is random about a training image; the `augmentation_type` hyperparameter. Each kind has what the one before has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Augmentation {
    /// Centre crop, never mirrored.
    #[default]
    None,
    /// A random crop, mirrored left to right half of the time.
    Crop,
    /// Hue shifted by up to 36 of 180 steps, saturation and lightness by up to 50 of 255.
    CropColor,
    /// Before the crop, sheared by up to 0.1, rotated by up to 10 degrees, the aspect changed by up to a quarter.
    CropColorTransform,
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
    /// Lets a decoder that can do so shrink the image on the way: faster, with slightly other pixels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fast_decode: bool,
}

/// What chance has decided about one image.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Draw {
    distortion: Option<Distortion>,
    top: u32,
    left: u32,
    offsets: Option<Offsets>,
    mirrored: bool,
}

impl TrainTransform {
    /// Decodes one image and writes it to `out` as H x W x C bytes; `out` holds exactly `shape.len()` of them.
    ///
    /// The order is MXNet's: resize, warp, enlarge an image that is too small, crop, colour, mirror. `random` supplies
    /// uniform 32-bit numbers, in MXNet's order too:
    ///
    /// | number of draws | for | from |
    /// | --- | --- | --- |
    /// | 3 | shear, degrees, aspect | `CropColorTransform` |
    /// | 2 | row offset, column offset | `Crop` |
    /// | 6 | hue, saturation, lightness, two each | `CropColor` |
    /// | 1 | the mirror's coin | `Crop` |
    ///
    /// Without augmentation none is drawn. With one channel the draws are the same, and of the colours only lightness
    /// changes, see [`color::shift`].
    pub fn apply(
        &self,
        encoded: &[u8],
        limits: &Limits,
        random: &mut impl FnMut() -> u32,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        let shape = self.shape;
        let mut source = Source::open(encoded, shape.channels, limits)?;
        let resized = plan::resized(&mut source, self.resize, self.fast_decode);
        let [_, final_size] = crop::enlarged(resized, shape);
        let draw = self.draw(final_size, random);
        let plan = Plan {
            shape,
            resized,
            warp: draw.distortion.map(|distortion| Warp::new(resized, distortion)),
            window: crop::at(draw.left, draw.top, shape),
            mirrored: draw.mirrored,
        };
        plan.run(source, limits, out)?;
        // Every pixel by itself, so it may as well follow the mirror.
        if let Some(offsets) = draw.offsets {
            color::shift(out, shape.channels, offsets);
        }
        Ok(())
    }

    /// Draws for an image that is of `size` when it is cropped.
    fn draw(&self, size: Size, random: &mut impl FnMut() -> u32) -> Draw {
        let (columns, rows) = crop::slack(size, self.shape);
        if self.augmentation == Augmentation::None {
            let (top, left) = (rows / 2, columns / 2);
            return Draw { distortion: None, top, left, offsets: None, mirrored: false };
        }
        let distortion = (self.augmentation >= Augmentation::CropColorTransform).then(|| Distortion {
            shear: chance::real(0.1, random()),
            degrees: chance::up_to(20, random()) as i32 - 10,
            aspect: 1.0 + chance::real(0.25, random()),
        });
        let top = chance::up_to(rows, random());
        let left = chance::up_to(columns, random());
        let offsets = (self.augmentation >= Augmentation::CropColor).then(|| {
            let mut offset = |limit: f32| chance::offset(limit, [random(), random()]);
            let (hue, saturation, lightness) = (offset(36.0), offset(50.0), offset(50.0));
            Offsets { hue, lightness, saturation }
        });
        Draw { distortion, top, left, offsets, mirrored: random() >> 31 == 1 }
    }
}

//! Which ResNet: MXNet's, whose units normalise before they convolve, or torchvision's, whose units do so after.

use std::fmt;

/// Where a residual unit has its batch norms and activations; the rest of what differs follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Before each convolution; the sum is not activated. The image is normalised by what training finds out. Source:
    /// `symbols/resnet.py` of MXNet's image-classification example.
    V2,
    /// After each convolution, and an activation after the sum; a bottleneck's stride is that of its 3x3. The image is
    /// normalised by [`MEAN`] and [`DEVIATION`]. Source: `torchvision/models/resnet.py`.
    V15,
}

/// Mean of each colour over ImageNet, pixels of 0..1. Source: every preset of `torchvision/transforms/_presets.py`.
pub const MEAN: [f64; 3] = [0.485, 0.456, 0.406];

/// Standard deviation of each colour, from the same place.
pub const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

impl Architecture {
    /// Its number, as the hyperparameter `resnet_version` has it.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2 => "2",
            Self::V15 => "1.5",
        }
    }

    /// Its depths. MXNet has four-stage networks and three-stage ones for small images, torchvision only the first.
    pub fn depths(self) -> &'static [u32] {
        match self {
            Self::V2 => &crate::layout::DEPTHS,
            Self::V15 => &[18, 34, 50, 101, 152],
        }
    }

    /// What its batch norms add to the variance. Sources: `eps=2e-5` in MXNet's `symbols/resnet.py`; the default of
    /// torch's `BatchNorm2d`.
    pub fn epsilon(self) -> f64 {
        match self {
            Self::V2 => 2e-5,
            Self::V15 => 1e-5,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

/// Mean and variance of raw 0..255 pixels that normalise an image of `channels` as v1.5 networks expect it; a grey image
/// has the mean of the colours' values.
pub fn normalisation(channels: usize) -> (Vec<f32>, Vec<f32>) {
    let each = |colours: [f64; 3], square: bool| {
        let colours = match channels {
            3 => colours.to_vec(),
            _ => vec![colours.iter().sum::<f64>() / 3.0; channels],
        };
        let raw = colours.into_iter().map(|value| value * 255.0);
        raw.map(|value| if square { value * value } else { value } as f32).collect()
    };
    // A variance in the thousands does not feel the epsilon.
    (each(MEAN, false), each(DEVIATION, true))
}

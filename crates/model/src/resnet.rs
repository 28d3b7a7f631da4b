//! The network: raw 0..255 pixels in, one logit per class out.

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::freeze::Frozen;
use crate::layer::{BatchNorm, Conv, Linear, global_average_pool, relu, stem_pool};
use crate::layout::{Layout, Stem};
use crate::unit::Unit;

/// Units that share a number of filters.
#[derive(Module, Debug)]
pub struct Stage {
    units: Vec<Unit>,
}

impl Stage {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.units.iter().fold(x, |x, unit| unit.forward(x))
    }
}

/// MXNet's pre-activation ResNet. Fields stand in graph order; see [`crate::parameters`] for the names.
#[derive(Module, Debug)]
pub struct ResNet {
    bn_data: BatchNorm,
    conv0: Conv,
    /// With the large stem only.
    bn0: Option<BatchNorm>,
    stages: Vec<Stage>,
    bn1: BatchNorm,
    fc: Linear,
}

impl ResNet {
    /// The network of `layout` with zero weights: [`crate::initial::initialise`] or
    /// [`crate::parameters::import`] gives it values. On an autodiff device it trains.
    pub fn new(layout: &Layout, device: &Device) -> Self {
        let (kernel, stride) = match layout.stem {
            Stem::Small => (3, 1),
            Stem::Large => (7, 2),
        };
        let mut input = layout.stem_filters;
        let mut stages = Vec::with_capacity(layout.stages.len());
        for (index, stage) in layout.stages.iter().enumerate() {
            let mut units = Vec::with_capacity(stage.units);
            for unit in 0..stage.units {
                let first = unit == 0;
                let stride = if first && index > 0 { 2 } else { 1 };
                units.push(Unit::new(layout.unit, [input, stage.filters], first, stride, device));
                input = stage.filters;
            }
            stages.push(Stage { units });
        }
        ResNet {
            bn_data: BatchNorm::new(layout.channels, device).with_fixed_gamma(),
            conv0: Conv::new([layout.stem_filters, layout.channels, kernel], stride, device),
            bn0: (layout.stem == Stem::Large).then(|| BatchNorm::new(layout.stem_filters, device)),
            stages,
            bn1: BatchNorm::new(input, device),
            fc: Linear::new(input, layout.classes, device),
        }
    }

    /// `[n, channels, height, width]` pixels of 0..255 to `[n, classes]` logits. The number format of the pixels is that of
    /// the convolutions; weights, batch norms, the last layer and the logits are float32.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = self.stages.iter().fold(self.stem(pixels), |x, stage| stage.forward(x));
        self.fc.forward(self.features(x))
    }

    /// The same on an autodiff device, with the first parts as they answer when served and without gradients.
    pub fn forward_frozen(&self, pixels: Tensor<4>, frozen: Frozen) -> Tensor<2> {
        if frozen == Frozen::Nothing {
            return self.forward(pixels);
        }
        let still = self.valid();
        let (first, rest) = self.stages.split_at(frozen.stages(self.stages.len()));
        let x = still
            .stages
            .iter()
            .take(first.len())
            .fold(still.stem(pixels.inner()), |x, stage| stage.forward(x));
        let features = match frozen {
            Frozen::Body => Tensor::from_inner(still.features(x)),
            _ => self.features(rest.iter().fold(Tensor::from_inner(x), |x, stage| stage.forward(x))),
        };
        self.fc.forward(features)
    }

    /// Pixels to what the first stage takes.
    fn stem(&self, pixels: Tensor<4>) -> Tensor<4> {
        let x = self.conv0.forward(self.bn_data.forward(pixels));
        match &self.bn0 {
            Some(bn0) => stem_pool(relu(bn0.forward(x))),
            None => x,
        }
    }

    /// What the last stage gives to what the last layer takes, `[n, filters]`.
    fn features(&self, x: Tensor<4>) -> Tensor<2> {
        global_average_pool(relu(self.bn1.forward(x)))
    }
}

/// Uploads `n` images of `height * width * channels` bytes, channels last, as `[n, channels, height, width]` floats.
/// The bytes travel as they are; widening and the change of layout happen on the device.
pub fn pixels_to_tensor(
    pixels: Vec<u8>,
    [n, height, width, channels]: [usize; 4],
    device: &Device,
) -> Tensor<4> {
    let data = TensorData::new(pixels, [n, height, width, channels]);
    let bytes: Tensor<4, Int> = Tensor::from_data(data, (device, DType::U8));
    bytes.float().permute([0, 3, 1, 2])
}

//! The network: raw 0..255 pixels in, one logit per class out.

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::architecture::{Architecture, normalisation};
use crate::freeze::Frozen;
use crate::layer::{BatchNorm, Conv, Linear, global_average_pool, stem_pool};
use crate::layout::{Layout, Stem, UnitForm};
use crate::native;
use crate::unit::{Sum, Unit, through};

/// Units that share a number of filters.
#[derive(Module, Debug)]
pub struct Stage {
    units: Vec<Unit>,
}

/// A ResNet of either architecture. Fields stand in graph order; see [`crate::parameters`] for the names.
#[derive(Module, Debug)]
pub struct ResNet {
    bn_data: BatchNorm,
    conv0: Conv,
    /// With v1.5, and with the large stem.
    bn0: Option<BatchNorm>,
    /// With the large stem only.
    pools: bool,
    stages: Vec<Stage>,
    /// Where the last unit leaves its sum raw.
    bn1: Option<BatchNorm>,
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
        let (architecture, epsilon) = (layout.architecture, layout.architecture.epsilon());
        let norm = |channels| BatchNorm::new(channels, epsilon, device);
        let stage = |forms: Vec<UnitForm>| Stage {
            units: forms.into_iter().map(|form| Unit::new(architecture, form, device)).collect(),
        };
        let width = layout.stages.last().map_or(layout.stem_filters, |stage| stage.filters);
        let is_v2 = architecture == Architecture::V2;
        let pools = layout.stem == Stem::Large;
        let (mean, variance) = normalisation(layout.channels);
        ResNet {
            bn_data: match architecture {
                Architecture::V2 => norm(layout.channels).with_fixed_gamma(),
                Architecture::V15 => BatchNorm::constant((&mean, &variance), epsilon, device),
            },
            conv0: Conv::new([layout.stem_filters, layout.channels, kernel], stride, device),
            bn0: (pools || !is_v2).then(|| norm(layout.stem_filters)),
            pools,
            stages: layout.units().into_iter().map(stage).collect(),
            bn1: is_v2.then(|| norm(width)),
            fc: Linear::new(width, layout.classes, device),
        }
    }

    /// The network for use alone: on a processor its convolutions' weights are kept in the order in which they are read. It
    /// answers pixels of float32 as before, bit for bit, but neither learns nor gives its weights.
    pub fn packed(self) -> Self {
        let pack = |stage: Stage| Stage { units: stage.units.into_iter().map(Unit::packed).collect() };
        let Self { bn_data, conv0, bn0, pools, stages, bn1, fc } = self;
        let (bn_data, conv0, bn0) = (bn_data.packed(), conv0.packed(), bn0.map(BatchNorm::packed));
        let stages = stages.into_iter().map(pack).collect();
        ResNet { bn_data, conv0, bn0, pools, stages, bn1: bn1.map(BatchNorm::packed), fc }
    }

    /// `[n, channels, height, width]` pixels of 0..255 to `[n, classes]` logits. The number format of the pixels is that of
    /// the convolutions, unless [`native::multiplying`] says another; weights, batch norms, the last layer and the logits are float32.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = through(units(&self.stages), self.stem(pixels).into(), self.bn1.as_ref());
        self.fc.forward(self.features(x))
    }

    /// The same on an autodiff device, with the first parts as they answer when served and without gradients.
    pub fn forward_frozen(&self, pixels: Tensor<4>, frozen: Frozen) -> Tensor<2> {
        if frozen == Frozen::Nothing {
            return self.forward(pixels);
        }
        let (still, stages) = (self.valid(), frozen.stages(self.stages.len()));
        let (first, rest) = (&still.stages[..stages], &self.stages[stages..]);
        let last = still.bn1.as_ref().filter(|_| frozen == Frozen::Body);
        let x = through(units(first), still.stem(pixels.inner()).into(), last);
        let features = match frozen {
            Frozen::Body => Tensor::from_inner(still.features(x)),
            _ => {
                let x = Tensor::from_inner(x.raw).into();
                self.features(through(units(rest), x, self.bn1.as_ref()))
            }
        };
        self.fc.forward(features)
    }

    /// Pixels to what the first stage takes.
    fn stem(&self, pixels: Tensor<4>) -> Tensor<4> {
        let x = self.bn_data.forward(pixels);
        let x = match &self.bn0 {
            Some(bn0) => self.conv0.forward_norm_relu(x, bn0).into(),
            None => self.conv0.forward(x),
        };
        if self.pools { stem_pool(x) } else { x }
    }

    /// What the last stage gives to what the last layer takes, `[n, filters]`.
    fn features(&self, x: Sum) -> Tensor<2> {
        global_average_pool(match &self.bn1 {
            Some(bn1) => x.behind(bn1).into(),
            None => x.raw,
        })
    }
}

fn units(stages: &[Stage]) -> impl Iterator<Item = &Unit> {
    stages.iter().flat_map(|stage| &stage.units)
}

/// Uploads `n` images of `height * width * channels` bytes, channels last, as `[n, channels, height, width]` floats.
/// The bytes travel as they are; widening and the change of layout happen on the device.
pub fn pixels_to_tensor(
    pixels: Vec<u8>,
    [n, height, width, channels]: [usize; 4],
    device: &Device,
) -> Tensor<4> {
    if native::computes(device) {
        // Nothing travels, and burn widens value by value.
        let values: Vec<f32> = pixels.into_iter().map(f32::from).collect();
        let data = TensorData::new(values, [n, height, width, channels]);
        return Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
    }
    bytes_to_input(bytes_to_tensor(pixels, [n, height, width, channels], device))
}

/// Bytes `[n, height, width, channels]` as they are.
pub fn bytes_to_tensor(pixels: Vec<u8>, shape: [usize; 4], device: &Device) -> Tensor<4, Int> {
    Tensor::from_data(TensorData::new(pixels, shape), (device, DType::U8))
}

/// The same as numbers from 0 to 255, `[n, channels, height, width]`.
pub fn bytes_to_input(bytes: Tensor<4, Int>) -> Tensor<4> {
    bytes.float().permute([0, 3, 1, 2])
}

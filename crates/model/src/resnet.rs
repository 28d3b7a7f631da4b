//! The network: raw 0..255 pixels in, one logit per class out.

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::layer::{BatchNorm, Conv, Linear, global_average_pool, relu, stem_pool};
use crate::layout::{Layout, Stem};
use crate::unit::Unit;

/// Units that share a number of filters.
#[derive(Module, Debug)]
pub struct Stage {
    units: Vec<Unit>,
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

    /// `[n, channels, height, width]` pixels of 0..255 to `[n, classes]` logits.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let mut x = self.conv0.forward(self.bn_data.forward(pixels));
        if let Some(bn0) = &self.bn0 {
            x = stem_pool(relu(bn0.forward(x)));
        }
        for unit in self.stages.iter().flat_map(|stage| &stage.units) {
            x = unit.forward(x);
        }
        self.fc.forward(global_average_pool(relu(self.bn1.forward(x))))
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

//! The pre-activation residual unit: normalise, activate, convolve; the sum is not activated.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layer::{BatchNorm, Branch, Conv, fork};
use crate::layout::{UnitForm, UnitKind};

/// One residual unit. Field names and order are MXNet's: `stageI_unitJ_bn1`, `…_conv1`, …, `…_sc`.
#[derive(Module, Debug)]
pub struct PreActivation {
    bn1: BatchNorm,
    conv1: Conv,
    bn2: BatchNorm,
    conv2: Conv,
    /// Bottleneck units only.
    bn3: Option<BatchNorm>,
    /// Bottleneck units only.
    conv3: Option<Conv>,
    /// The 1x1 shortcut of a stage's first unit, also where shapes would allow the identity.
    sc: Option<Conv>,
}

impl PreActivation {
    /// The unit of `form`.
    pub fn new(form: UnitForm, epsilon: f64, device: &Device) -> Self {
        let UnitForm { kind, input, filters, stride, shortcut } = form;
        let norm = |channels| BatchNorm::new(channels, epsilon, device);
        let conv = |shape, stride| Conv::new(shape, stride, device);
        let sc = shortcut.then(|| conv([filters, input, 1], stride));
        match kind {
            UnitKind::Basic => PreActivation {
                bn1: norm(input),
                conv1: conv([filters, input, 3], stride),
                bn2: norm(filters),
                conv2: conv([filters, filters, 3], 1),
                bn3: None,
                conv3: None,
                sc,
            },
            UnitKind::Bottleneck => {
                let inner = filters / 4;
                PreActivation {
                    bn1: norm(input),
                    conv1: conv([inner, input, 1], 1),
                    bn2: norm(inner),
                    conv2: conv([inner, inner, 3], stride),
                    bn3: Some(norm(inner)),
                    conv3: Some(conv([filters, inner, 1], 1)),
                    sc,
                }
            }
        }
    }

    /// The same with packed convolutions, see [`Conv::packed`].
    pub fn packed(self) -> Self {
        let Self { conv1, conv2, conv3, sc, .. } = self;
        let (conv1, conv2) = (conv1.packed(), conv2.packed());
        Self { conv1, conv2, conv3: conv3.map(Conv::packed), sc: sc.map(Conv::packed), ..self }
    }

    /// `[n, input, h, w]` to `[n, filters, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        // The shortcut convolution starts from the first activation, not from the raw input.
        let (active, shortcut): (Branch, Branch) = match &self.sc {
            Some(sc) => {
                let [active, other] = fork(self.bn1.forward_relu(x));
                (active, sc.forward(other).into())
            }
            None => {
                let [x, shortcut] = fork(x);
                (self.bn1.forward_relu(x), shortcut)
            }
        };
        let y = self.conv1.forward_norm_relu(active, &self.bn2);
        match (&self.bn3, &self.conv3) {
            (Some(bn3), Some(conv3)) => conv3.forward_onto(self.conv2.forward_norm_relu(y, bn3), shortcut),
            _ => self.conv2.forward_onto(y, shortcut),
        }
    }
}

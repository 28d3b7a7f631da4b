//! The pre-activation residual unit: normalise, activate, convolve; the sum is not activated.

use burn::module::Module;
use burn::tensor::Device;

use super::Sum;
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

    /// The same with packed convolutions and norms, see [`Conv::packed`].
    pub fn packed(self) -> Self {
        let Self { bn1, conv1, bn2, conv2, bn3, conv3, sc } = self;
        let (bn1, bn2, bn3) = (bn1.packed(), bn2.packed(), bn3.map(BatchNorm::packed));
        let (conv1, conv2, conv3) = (conv1.packed(), conv2.packed(), conv3.map(Conv::packed));
        Self { bn1, conv1, bn2, conv2, bn3, conv3, sc: sc.map(Conv::packed) }
    }

    /// The norm that takes the input.
    pub fn first_norm(&self) -> &BatchNorm {
        &self.bn1
    }

    /// `[n, input, h, w]` to `[n, filters, h / stride, w / stride]`; `next` is the norm that takes the result.
    pub fn forward(&self, x: Sum, next: Option<&BatchNorm>) -> Sum {
        // The shortcut convolution starts from the first activation, not from the raw input.
        let (active, shortcut): (Branch, Branch) = match &self.sc {
            Some(sc) => {
                let [active, other] = fork(x.behind(&self.bn1));
                (active, sc.forward(other).into())
            }
            None => {
                let [raw, shortcut] = fork(x.raw);
                (x.active.map_or_else(|| self.bn1.forward_relu(raw), Branch::from), shortcut)
            }
        };
        let y = self.conv1.forward_norm_relu(active, &self.bn2);
        let (y, last) = match (&self.bn3, &self.conv3) {
            (Some(bn3), Some(conv3)) => (self.conv2.forward_norm_relu(y, bn3), conv3),
            _ => (y, &self.conv2),
        };
        let (raw, active) = last.forward_onto_then(y, shortcut, next);
        Sum { raw, active }
    }
}

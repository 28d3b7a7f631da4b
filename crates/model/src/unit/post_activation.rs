//! The post-activation residual unit: convolve, normalise, activate; the sum is activated.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layer::{BatchNorm, Conv, fork};
use crate::layout::{UnitForm, UnitKind};

/// One residual unit. Field names are those of MXNet's scheme, in graph order: `stageI_unitJ_conv1`, `…_bn1`, …, `…_sc`,
/// `…_sc_bn`.
#[derive(Module, Debug)]
pub struct PostActivation {
    conv1: Conv,
    bn1: BatchNorm,
    conv2: Conv,
    bn2: BatchNorm,
    /// Bottleneck units only.
    conv3: Option<Conv>,
    /// Bottleneck units only.
    bn3: Option<BatchNorm>,
    /// A 1x1 convolution, only where shapes do not allow the identity.
    sc: Option<Conv>,
    /// Goes with it.
    sc_bn: Option<BatchNorm>,
}

impl PostActivation {
    /// The unit of `form`.
    pub fn new(form: UnitForm, epsilon: f64, device: &Device) -> Self {
        let UnitForm { kind, input, filters, stride, shortcut } = form;
        let norm = |channels| BatchNorm::new(channels, epsilon, device);
        let conv = |shape, stride| Conv::new(shape, stride, device);
        let sc = shortcut.then(|| conv([filters, input, 1], stride));
        let sc_bn = shortcut.then(|| norm(filters));
        match kind {
            UnitKind::Basic => PostActivation {
                conv1: conv([filters, input, 3], stride),
                bn1: norm(filters),
                conv2: conv([filters, filters, 3], 1),
                bn2: norm(filters),
                conv3: None,
                bn3: None,
                sc,
                sc_bn,
            },
            UnitKind::Bottleneck => {
                let inner = filters / 4;
                PostActivation {
                    conv1: conv([inner, input, 1], 1),
                    bn1: norm(inner),
                    conv2: conv([inner, inner, 3], stride),
                    bn2: norm(inner),
                    conv3: Some(conv([filters, inner, 1], 1)),
                    bn3: Some(norm(filters)),
                    sc,
                    sc_bn,
                }
            }
        }
    }

    /// The same with packed convolutions and norms, see [`Conv::packed`].
    pub fn packed(self) -> Self {
        let Self { conv1, bn1, conv2, bn2, conv3, bn3, sc, sc_bn } = self;
        let (conv1, conv2, conv3) = (conv1.packed(), conv2.packed(), conv3.map(Conv::packed));
        let (bn1, bn2, bn3) = (bn1.packed(), bn2.packed(), bn3.map(BatchNorm::packed));
        let (sc, sc_bn) = (sc.map(Conv::packed), sc_bn.map(BatchNorm::packed));
        Self { conv1, bn1, conv2, bn2, conv3, bn3, sc, sc_bn }
    }

    /// `[n, input, h, w]` to `[n, filters, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [x, shortcut] = fork(x);
        let y = self.conv1.forward_norm_relu(x, &self.bn1);
        let (y, last, norm) = match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => (self.conv2.forward_norm_relu(y, &self.bn2), conv3, bn3),
            _ => (y, &self.conv2, &self.bn2),
        };
        let shortcut = match (&self.sc, &self.sc_bn) {
            (Some(sc), Some(sc_bn)) => sc.forward_norm(shortcut, sc_bn).into(),
            _ => shortcut,
        };
        last.forward_norm_onto_relu(y, norm, shortcut)
    }
}

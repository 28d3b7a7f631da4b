//! The residual unit of either architecture.

mod post_activation;
mod pre_activation;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use self::post_activation::PostActivation;
use self::pre_activation::PreActivation;
use crate::architecture::Architecture;
use crate::layout::UnitForm;

/// One residual unit.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "all units of a network are of one kind")]
pub enum Unit {
    /// MXNet's, v2.
    PreActivation(PreActivation),
    /// torchvision's, v1.5.
    PostActivation(PostActivation),
}

impl Unit {
    /// The unit of `form`.
    pub fn new(architecture: Architecture, form: UnitForm, device: &Device) -> Self {
        let epsilon = architecture.epsilon();
        match architecture {
            Architecture::V2 => Unit::PreActivation(PreActivation::new(form, epsilon, device)),
            Architecture::V15 => Unit::PostActivation(PostActivation::new(form, epsilon, device)),
        }
    }

    /// The same with packed convolutions, see [`Conv::packed`](crate::layer::Conv::packed).
    pub fn packed(self) -> Self {
        match self {
            Unit::PreActivation(unit) => Unit::PreActivation(unit.packed()),
            Unit::PostActivation(unit) => Unit::PostActivation(unit.packed()),
        }
    }

    /// `[n, input, h, w]` to `[n, filters, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Unit::PreActivation(unit) => unit.forward(x),
            Unit::PostActivation(unit) => unit.forward(x),
        }
    }
}

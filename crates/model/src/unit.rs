//! The residual unit of either architecture, and what units hand to each other.

mod post_activation;
mod pre_activation;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use self::post_activation::PostActivation;
use self::pre_activation::PreActivation;
use crate::architecture::Architecture;
use crate::layer::{BatchNorm, Branch};
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

    /// `[n, input, h, w]` to `[n, filters, h / stride, w / stride]`; `next` is the norm that takes the result.
    pub fn forward(&self, x: Sum, next: Option<&BatchNorm>) -> Sum {
        match self {
            Unit::PreActivation(unit) => unit.forward(x, next),
            Unit::PostActivation(unit) => unit.forward(x.raw).into(),
        }
    }

    /// The norm that it begins with, if it does.
    pub fn first_norm(&self) -> Option<&BatchNorm> {
        match self {
            Unit::PreActivation(unit) => Some(unit.first_norm()),
            Unit::PostActivation(_) => None,
        }
    }
}

/// What units hand to units: the sum of two branches and, where the layer that added them made it too, the same behind the
/// next norm and its activation.
#[derive(Debug)]
pub struct Sum {
    /// The sum itself.
    pub raw: Tensor<4>,
    /// Behind the norm.
    pub active: Option<Tensor<4>>,
}

impl Sum {
    /// The sum behind `norm` and its activation.
    pub fn behind(self, norm: &BatchNorm) -> Branch {
        match self.active {
            Some(active) => active.into(),
            None => norm.forward_relu(self.raw),
        }
    }
}

impl From<Tensor<4>> for Sum {
    fn from(raw: Tensor<4>) -> Self {
        Sum { raw, active: None }
    }
}

/// `x` through some units; `last` is the norm that takes what comes of it.
pub fn through<'a>(units: impl Iterator<Item = &'a Unit>, x: Sum, last: Option<&'a BatchNorm>) -> Sum {
    let mut units = units.peekable();
    let mut x = x;
    while let Some(unit) = units.next() {
        let next = units.peek().map_or(last, |next| next.first_norm());
        x = unit.forward(x, next);
    }
    x
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::Distribution;

    use super::*;
    use crate::layout::UnitKind;
    use crate::native::{self, Format};

    /// Fills every parameter.
    struct Random;

    impl ModuleMapper for Random {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.random_like(Distribution::Uniform(-0.5, 0.5)))
        }
    }

    #[test]
    fn what_is_made_with_the_sum_is_what_the_norm_makes_of_it() {
        let device = Device::flex();
        let next = BatchNorm::constant((&[0.1; 32], &[0.3; 32]), 2e-5, &device);
        for kind in [UnitKind::Basic, UnitKind::Bottleneck] {
            for (format, shortcut) in [(Format::Float32, true), (Format::Bfloat16, false)] {
                native::multiplying(format, || {
                    let form = UnitForm { kind, input: 32, filters: 32, stride: 1, shortcut };
                    let unit = Unit::new(Architecture::V2, form, &device).map(&mut Random);
                    let x = Tensor::random([2, 32, 9, 7], Distribution::Uniform(-1.0, 1.0), &device);
                    for unit in [unit.clone(), unit.packed()] {
                        let alone = unit.forward(x.clone().into(), None);
                        let both = unit.forward(x.clone().into(), Some(&next));
                        assert!(alone.active.is_none());
                        assert_eq!(both.raw.to_data(), alone.raw.to_data(), "{format:?}");
                        let expected = alone.behind(&next).tensor.into_data();
                        assert_eq!(both.active.map(Tensor::into_data), Some(expected), "{format:?}");
                    }
                });
            }
        }
    }
}

//! Keeping gradients inside the range of float16, whose smallest step is 6e-8.
//!
//! The loss is multiplied before the backward pass and the gradients divided after it. Source: Micikevicius and others, "Mixed
//! Precision Training", ICLR 2018; how the factor moves is the rule of PyTorch's `GradScaler`.

use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor};
use serde::{Deserialize, Serialize};

use crate::checkpoint::exact;

/// Low enough that the first steps of a network of this family, whose gradients are its largest, need not be skipped.
const START: f64 = 1024.0;

/// A loss that overflows even so is no loss of the kind.
const SMALLEST: f64 = 1.0 / 16_777_216.0;

/// Steps without an overflow after which the factor doubles.
const PATIENCE: u32 = 2000;

/// What the loss is multiplied by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScale {
    #[serde(with = "exact")]
    factor: f64,
    /// Steps since the factor last changed; unset: it never changes.
    good: Option<u32>,
}

impl LossScale {
    /// Factor 1 for ever, for formats with the range of float32.
    pub fn none() -> Self {
        LossScale { factor: 1.0, good: None }
    }

    /// A factor that is as large as the gradients allow.
    pub fn dynamic() -> Self {
        LossScale { factor: START, good: Some(0) }
    }

    /// Takes over a factor that moved as this one does.
    pub fn resume(&mut self, other: &LossScale) {
        if self.good.is_some() && other.is_sound() && other.good.is_some() {
            *self = other.clone();
        }
    }

    /// Whether the factor is one.
    pub fn is_sound(&self) -> bool {
        self.factor.is_finite() && self.factor > 0.0
    }

    /// What the loss of this step is multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes in the gradients of a step, those of all ranks together, and says whether they may move the weights: after an
    /// overflow they may not, and the factor is halved.
    pub fn accepts(&mut self, network: ResNet, head: &str, gradients: &Gradients) -> bool {
        let Some(good) = self.good else { return true };
        let mut sum = Sum { gradients, zero: None };
        map(network, head, &mut sum);
        // Zero times what is no number, or infinite, is no number.
        let zero: f64 = sum.zero.map_or(0.0, |zero| zero.into_data().iter::<f64>().sum());
        let (factor, good) = match (zero == 0.0, good + 1) {
            (false, _) => ((self.factor / 2.0).max(SMALLEST), 0),
            (true, PATIENCE) => (self.factor * 2.0, 0),
            (true, good) => (self.factor, good),
        };
        *self = LossScale { factor, good: Some(good) };
        zero == 0.0
    }
}

struct Sum<'a> {
    gradients: &'a Gradients,
    zero: Option<Tensor<1>>,
}

impl Map for Sum<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            let zero = (gradient * 0.0).sum();
            self.zero = Some(match self.zero.take() {
                Some(sum) => sum + zero,
                None => zero,
            });
        }
        value
    }
}

//! The optimizers exactly as MXNet has them, whose formulas differ in detail from everybody else's.

use brazier_model::ResNet;
use brazier_model::freeze::Frozen;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor};

use crate::checkpoint::tensors::Moments;

/// How a gradient becomes a movement. `g` is the mean gradient of a batch, with `weight_decay * w` added for weights and
/// gammas; sources are MXNet's operators of these names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// `m <- momentum * m - rate * g; w <- w + m`, `sgd_mom_update`. Because the rate is inside `m`, a change of
    /// rate scales only what comes after it.
    Sgd {
        /// Share of the last step's movement that goes on.
        momentum: f64,
        /// Pull of weights and gammas towards zero.
        weight_decay: f64,
    },
    /// `m <- momentum * m + g; w <- w - rate * (g + momentum * m)`, the optimizer `NAG` of MXNet 1.0 to 1.4; 1.9 has the
    /// rate inside `m`, which is the same until the rate changes.
    Nag {
        /// Share of the last steps' gradients that goes on.
        momentum: f64,
        /// Pull of weights and gammas towards zero.
        weight_decay: f64,
    },
    /// `m <- beta_1 * m + (1 - beta_1) * g; v <- beta_2 * v + (1 - beta_2) * g^2;
    /// w <- w - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + eps)`, `adam_update`: `eps` is not corrected
    /// for the bias. No weight decay: the replaced algorithm's documentation says it is ignored.
    Adam {
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// Keeps the quotient finite.
        eps: f64,
    },
    /// `n <- gamma * n + (1 - gamma) * g^2; w <- w - rate * g / sqrt(n + eps)`, `rmsprop_update`: `eps` is inside the
    /// root. No weight decay, as for adam.
    RmsProp {
        /// Decay of the mean square.
        gamma: f64,
        /// Keeps the quotient finite.
        eps: f64,
    },
}

impl Rule {
    /// How many numbers it remembers of each that moves.
    pub fn moments(self) -> usize {
        match self {
            Self::Sgd { momentum: 0.0, .. } => 0,
            Self::Sgd { .. } | Self::Nag { .. } | Self::RmsProp { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }

    /// The pull on the parameter of that name: weights and gammas, `bn_data_gamma` among them; biases and betas have
    /// none.
    fn decay(self, name: &str) -> f64 {
        match self {
            Self::Sgd { weight_decay, .. } | Self::Nag { weight_decay, .. }
                if name.ends_with("_weight") || name.ends_with("_gamma") =>
            {
                weight_decay
            }
            _ => 0.0,
        }
    }

    /// The movement of the `update`-th update, from 1, for `gradient`, decay included. Moves `moments` on.
    fn movement(
        self,
        gradient: Tensor<1>,
        moments: &mut Vec<Tensor<1>>,
        rate: f64,
        update: i32,
    ) -> Tensor<1> {
        let moment = |at: usize| (moments.len() > at).then(|| moments[at].clone());
        let (first, second) = (moment(0), moment(1));
        // A moment at rest is zero and need not be kept.
        let decayed = |moment: Option<Tensor<1>>, share: f64, new: Tensor<1>| match moment {
            Some(moment) => moment * share + new,
            None => new,
        };
        match self {
            Self::Sgd { momentum, .. } => {
                let movement = decayed(first, momentum, gradient * -rate);
                if momentum != 0.0 {
                    *moments = vec![movement.clone()];
                }
                movement
            }
            Self::Nag { momentum, .. } => {
                let mean = decayed(first, momentum, gradient.clone());
                *moments = vec![mean.clone()];
                (gradient + mean * momentum) * -rate
            }
            Self::Adam { beta_1, beta_2, eps } => {
                let mean = decayed(first, beta_1, gradient.clone() * rest(beta_1));
                let square = decayed(second, beta_2, gradient.square() * rest(beta_2));
                *moments = vec![mean.clone(), square.clone()];
                let rate = rate * (1.0 - beta_2.powi(update)).sqrt() / (1.0 - beta_1.powi(update));
                mean * -rate / (square.sqrt() + eps)
            }
            Self::RmsProp { gamma, eps } => {
                let square = decayed(first, gamma, gradient.clone().square() * rest(gamma));
                *moments = vec![square.clone()];
                gradient * -rate / (square + eps).sqrt()
            }
        }
    }
}

/// What a share leaves of 1, in float32 as MXNet's operators compute it: 1 - 0.999 is 0.00099998713 there, which shows in adam's
/// movements.
fn rest(share: f64) -> f64 {
    f64::from(1.0 - share as f32)
}

/// The scale of the raw image, which both architectures take as 1.
const FIXED_GAMMA: &str = "bn_data_gamma";

/// A rule and what it remembers of every parameter.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    updates: i32,
    /// By parameter name, flattened.
    moments: Moments,
}

impl Optimizer {
    /// At rest.
    pub fn new(rule: Rule) -> Self {
        Optimizer { rule, updates: 0, moments: Moments::new() }
    }

    /// Updates so far and what is remembered of every parameter.
    pub fn memory(&self) -> (i32, &Moments) {
        (self.updates, &self.moments)
    }

    /// Goes on after so many updates with this memory.
    pub fn resume(&mut self, updates: i32, moments: Moments) {
        (self.updates, self.moments) = (updates, moments);
    }

    /// Moves every learned parameter once.
    pub fn step(&mut self, network: ResNet, head: &str, update: Update) -> ResNet {
        self.updates = self.updates.saturating_add(1);
        map(network, head, &mut Mover { optimizer: self, head, update })
    }
}

/// What moves the weights in a step.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// Of the loss, multiplied by some factor.
    pub gradients: &'a Gradients,
    /// One through that factor.
    pub share: f64,
    /// The learning rate.
    pub rate: f64,
    /// What does not move.
    pub frozen: Frozen,
}

struct Mover<'a> {
    optimizer: &'a mut Optimizer,
    head: &'a str,
    update: Update<'a>,
}

impl Map for Mover<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        let Update { gradients, share, rate, frozen } = self.update;
        if kind == Kind::Moving || !value.is_require_grad() || frozen.holds(name, self.head) {
            return value;
        }
        let Optimizer { rule, updates, moments } = &mut *self.optimizer;
        let gradient =
            value.grad(gradients).map(|gradient| if share == 1.0 { gradient } else { gradient * share });
        // Of what learns only a fixed gamma has no gradient. MXNet writes 1 over it in every forward pass and decays it all the same.
        let weight = match &gradient {
            Some(_) => value.inner(),
            None if name == FIXED_GAMMA => value.inner().ones_like(),
            None => return value,
        };
        let shape = weight.shape();
        let decay = rule.decay(name);
        let force = match (gradient, decay == 0.0) {
            (None, true) => return Tensor::from_inner(weight),
            (None, false) => weight.clone() * decay,
            (Some(gradient), true) => gradient,
            (Some(gradient), false) => gradient + weight.clone() * decay,
        };
        let moments = moments.entry(name.to_owned()).or_default();
        let movement = rule.movement(force.reshape([-1]), moments, rate, *updates);
        Tensor::from_inner(weight + movement.reshape(shape))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::Value;

    use super::*;

    fn numbers(list: &Value) -> Vec<f64> {
        list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    /// With the hyperparameters' defaults and exact gradients from 1e-9 to 10.
    #[test]
    fn updates_are_mxnets_with_the_default_eps() {
        let golden: Value =
            serde_json::from_str(include_str!("../../../tests/golden/optimizers/updates.json")).unwrap();
        for (name, rule) in [
            ("sgd", Rule::Sgd { momentum: 0.9, weight_decay: 1e-4 }),
            ("adam", Rule::Adam { beta_1: 0.9, beta_2: 0.999, eps: 1e-8 }),
            ("rmsprop", Rule::RmsProp { gamma: 0.9, eps: 1e-8 }),
        ] {
            let tensor = |values: &Value| {
                let values: Vec<f32> = numbers(values).into_iter().map(|value| value as f32).collect();
                Tensor::<1>::from_floats(values.as_slice(), &Device::flex())
            };
            let (mut weights, mut moments) = (tensor(&golden["weights"]), Vec::new());
            let steps = golden["rules"][name].as_array().unwrap();
            for (at, expected) in steps.iter().enumerate() {
                let force = tensor(&golden["gradients"][at]) + weights.clone() * rule.decay("a_weight");
                let rate = golden["rates"][at].as_f64().unwrap();
                weights = weights + rule.movement(force, &mut moments, rate, at as i32 + 1);
                let found: Vec<f64> = weights.clone().into_data().iter::<f64>().collect();
                for (found, expected) in found.iter().zip(numbers(expected)) {
                    let near = (found - expected).abs() <= 1e-5 * expected.abs().max(0.1);
                    assert!(near, "{name}, step {at}: {found}, MXNet {expected}");
                }
            }
        }
    }
}

//! Stochastic gradient descent exactly as MXNet's: the rate is inside the momentum.

use std::collections::BTreeMap;

use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor};

/// `m <- momentum * m - rate * (g + decay * w); w <- w + m`. Source: MXNet's `sgd_mom_update`.
///
/// Because the rate is inside `m`, a change of rate scales only what comes after it.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    /// `m` of each parameter by name, flattened.
    velocities: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// At rest.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Sgd { momentum, weight_decay, velocities: BTreeMap::new() }
    }

    /// Moves every learned parameter once.
    pub fn step(&mut self, network: ResNet, head: &str, gradients: &Gradients, rate: f64) -> ResNet {
        map(network, head, &mut Update { sgd: self, gradients, rate })
    }

    /// Decay acts on weights and gammas, `bn_data_gamma` among them; biases and betas have none.
    fn decay(&self, name: &str) -> f64 {
        if name.ends_with("_weight") || name.ends_with("_gamma") { self.weight_decay } else { 0.0 }
    }
}

struct Update<'a> {
    sgd: &'a mut Sgd,
    gradients: &'a Gradients,
    rate: f64,
}

impl Map for Update<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if kind == Kind::Moving {
            return value;
        }
        let gradient = value.grad(self.gradients);
        // Only a fixed gamma has no gradient. MXNet writes 1 over it in every forward pass and decays it all the same.
        let weight = if gradient.is_some() { value.inner() } else { value.inner().ones_like() };
        let shape = weight.shape();
        let decay = self.sgd.decay(name);
        let force = match (gradient, decay == 0.0) {
            (Some(gradient), true) => gradient,
            (Some(gradient), false) => gradient + weight.clone() * decay,
            (None, _) => weight.clone() * decay,
        };
        let mut movement = (force * -self.rate).reshape([-1]);
        if self.sgd.momentum != 0.0 {
            if let Some(velocity) = self.sgd.velocities.remove(name) {
                movement = movement + velocity * self.sgd.momentum;
            }
            self.sgd.velocities.insert(name.to_owned(), movement.clone());
        }
        Tensor::from_inner(weight + movement.reshape(shape))
    }
}

//! A moving average of the weights, which often answers better than the last of them.

use std::collections::BTreeMap;

use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::Tensor;

/// The average so far, without gradients.
#[derive(Debug)]
pub struct Average {
    network: ResNet,
    decay: f64,
    updates: u32,
}

impl Average {
    /// An average that begins with `network` (without gradients) and of which `decay` stays at each update.
    pub fn new(network: ResNet, decay: f64) -> Self {
        Average { network, decay, updates: 0 }
    }

    /// The averaged network, its moving statistics too.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// Updates so far.
    pub fn updates(&self) -> u32 {
        self.updates
    }

    /// Goes on after so many updates with this average.
    pub fn resume(&mut self, network: ResNet, updates: u32) {
        (self.network, self.updates) = (network, updates);
    }

    /// Takes in `network` (without gradients) after an update. At first less of the average stays, `(1 + t) / (10 + t)`, so that
    /// the random weights of the start are soon forgotten; TensorFlow's `ExponentialMovingAverage` has the same rule.
    pub fn update(&mut self, network: ResNet, head: &str) {
        self.updates = self.updates.saturating_add(1);
        let updates = f64::from(self.updates);
        let stays = self.decay.min((1.0 + updates) / (10.0 + updates));
        let mut read = Read(BTreeMap::new());
        map(network, head, &mut read);
        self.network = map(self.network.clone(), head, &mut Blend { other: read.0, stays });
    }
}

/// Every tensor, flattened, by name.
struct Read(BTreeMap<String, Tensor<1>>);

impl Map for Read {
    fn tensor<const D: usize>(&mut self, name: &str, _kind: Kind, value: Tensor<D>) -> Tensor<D> {
        self.0.insert(name.to_owned(), value.clone().reshape([-1]));
        value
    }
}

struct Blend {
    other: BTreeMap<String, Tensor<1>>,
    stays: f64,
}

impl Map for Blend {
    fn tensor<const D: usize>(&mut self, name: &str, _kind: Kind, value: Tensor<D>) -> Tensor<D> {
        match self.other.remove(name) {
            // Not as a sum of two shares, which in float32 do not add up to 1: what does not move must stay.
            Some(other) => value.clone() + (other.reshape(value.shape()) - value) * (1.0 - self.stays),
            None => value,
        }
    }
}

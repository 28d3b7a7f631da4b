//! Starting weights: Gaussian, variance `2 / fan_in`, drawn from a stream of their own for each parameter.
//!
//! Naming the stream by seed and parameter keeps the weights independent of the order of construction, of other
//! layers and of the number of ranks. Source of the rule: `mx.init.Xavier(rnd_type="gaussian", factor_type="in",
//! magnitude=2)` in MXNet's `common/fit.py`.

use burn::tensor::{Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::ResNet;
use crate::parameters::{Kind, Map, map};

/// Gives every `_weight` its random values; gammas, betas, biases and moving statistics keep the constants they were
/// built with (1, 0, 0; mean 0, variance 1).
pub fn initialise(network: ResNet, head: &str, seed: u64) -> ResNet {
    map(network, head, &mut Draw { seed })
}

struct Draw {
    seed: u64,
}

impl Map for Draw {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if kind == Kind::Moving || !name.ends_with("_weight") {
            return value;
        }
        let shape = value.dims();
        let values = gaussian(self.seed, name, &shape);
        Tensor::from_data(TensorData::new(values, shape), &value.device())
    }
}

/// `[out, in, ...]` values of standard deviation `sqrt(2 / fan_in)`.
pub(crate) fn gaussian(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape[1..].iter().product();
    let deviation = (2.0 / fan_in as f64).sqrt();
    let mut stream = stream(seed, name);
    let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
    (0..shape.iter().product()).map(|_| (draw() * deviation) as f32).collect()
}

/// ChaCha8 keyed by the seed, its stream chosen by the name's FNV-1a hash.
fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv1a));
    generator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variance_is_two_over_fan_in() {
        let values = gaussian(7, "stage1_unit1_conv1_weight", &[64, 32, 3, 3]);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        assert!((variance * 288.0 / 2.0 - 1.0).abs() < 0.03, "{variance}");
        assert!(mean.abs() < 0.002, "{mean}");
    }

    #[test]
    fn name_and_seed_choose_the_values() {
        let draw = |seed, name| gaussian(seed, name, &[2, 3]);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}

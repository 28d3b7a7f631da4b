//! Gradients of our kernels beside differences in float64.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the golden tests")]
mod weights;

#[path = "../../kernels/tests/emulator/mod.rs"]
#[allow(dead_code, unsafe_code, reason = "shared with the tests of the kernels")]
mod emulator;

use brazier_model::layer::{BatchNorm, Conv};
use brazier_model::native::{Engine, with};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

/// `x`, its shape `[n, c, h, w]`, and the values of a unit: batch norm, convolution, batch norm, convolution, sum.
struct Reference {
    extents: [usize; 4],
    values: [Vec<f64>; 4],
}

const EPSILON: f64 = 2e-5;

impl Reference {
    /// The sum of the unit's output, each value times its `share`.
    fn total(&self, x: &[f64], share: &[f64]) -> f64 {
        let [first, beta, second, gamma] = &self.values;
        let channels = self.extents[1];
        let y = self.convolve(&self.normal(x, &vec![1.0; channels], beta), first);
        let y = self.convolve(&self.normal(&y, gamma, &vec![0.1; channels]), second);
        y.iter().zip(x).zip(share).map(|((y, x), share)| (y + x) * share).sum()
    }

    fn normal(&self, x: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
        let [n, channels, h, w] = self.extents;
        let channel = |index: usize| index / (h * w) % channels;
        let mut sums = vec![[0.0; 2]; channels];
        x.iter().enumerate().for_each(|(index, x)| sums[channel(index)][0] += x / (n * h * w) as f64);
        for (index, x) in x.iter().enumerate() {
            let sums = &mut sums[channel(index)];
            sums[1] += (x - sums[0]).powi(2) / (n * h * w) as f64;
        }
        let map = |(index, x): (usize, &f64)| {
            let at = channel(index);
            ((x - sums[at][0]) / (sums[at][1] + EPSILON).sqrt() * gamma[at] + beta[at]).max(0.0)
        };
        x.iter().enumerate().map(map).collect()
    }

    fn convolve(&self, x: &[f64], weight: &[f64]) -> Vec<f64> {
        let [n, channels, h, w] = self.extents;
        let mut y = vec![0.0; x.len()];
        for index in 0..n * channels * h * w * channels * 9 {
            let (tap, rest) = (index % 9, index / 9);
            let (input, rest) = (rest % channels, rest / channels);
            let (place, output, image) =
                (rest % (h * w), rest / (h * w) % channels, rest / (h * w * channels));
            let (row, column) = (place / w + tap / 3, place % w + tap % 3);
            if (1..=h).contains(&row) && (1..=w).contains(&column) {
                let from = (image * channels + input) * h * w + (row - 1) * w + column - 1;
                y[(image * channels + output) * h * w + place] +=
                    x[from] * weight[(output * channels + input) * 9 + tap];
            }
        }
        y
    }
}

#[test]
fn gradients_are_the_differences_of_float64() {
    let device = Device::flex().autodiff();
    let extents = [2, 6, 5, 4];
    let mut stream = weights::Stream::named("differences");
    let mut noise =
        |len: usize| -> Vec<f64> { (0..len).map(|_| f64::from((stream.unit() - 0.5) as f32)).collect() };
    let (x, share) = (noise(240), noise(240));
    let reference = Reference { extents, values: [noise(324), noise(6), noise(324), noise(6)] };
    let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    let tensor = |values: &[f64], shape: [usize; 4]| {
        Tensor::<4>::from_data(TensorData::new(single(values), shape), &device)
    };
    let vector = |values: &[f64]| Param::from_tensor(Tensor::from_floats(single(values).as_slice(), &device));
    let [first, beta, second, gamma] = &reference.values;
    for engine in emulator::paths().into_iter().map(Engine::Kernels) {
        let (mut conv1, mut conv2) = (Conv::new([6, 6, 3], 1, &device), Conv::new([6, 6, 3], 1, &device));
        let (mut bn1, mut bn2) = (BatchNorm::new(6, EPSILON, &device), BatchNorm::new(6, EPSILON, &device));
        conv1.weight = Param::from_tensor(tensor(first, [6, 6, 3, 3]));
        conv2.weight = Param::from_tensor(tensor(second, [6, 6, 3, 3]));
        bn1.beta = vector(beta);
        bn2.gamma = vector(gamma);
        bn2.beta = vector(&[0.1; 6]);
        let input = tensor(&x, extents).require_grad();
        let gradients = with(engine, || {
            let y: Tensor<4> = bn2.forward_relu(conv1.forward(bn1.forward_relu(input.clone()))).into();
            (conv2.forward_onto_then(y, input.clone(), None).0 * tensor(&share, extents)).sum().backward()
        });
        let read = |gradient: Option<TensorData>| gradient.unwrap().iter::<f64>().collect::<Vec<f64>>();
        let found = [
            read(input.grad(&gradients).map(Tensor::into_data)),
            read(conv1.weight.val().grad(&gradients).map(Tensor::into_data)),
            read(bn1.beta.val().grad(&gradients).map(Tensor::into_data)),
            read(conv2.weight.val().grad(&gradients).map(Tensor::into_data)),
            read(bn2.gamma.val().grad(&gradients).map(Tensor::into_data)),
        ];
        for (which, found) in found.iter().enumerate() {
            let largest = found.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            for index in (0..found.len()).step_by(found.len().div_ceil(40)) {
                let total = |step: f64| {
                    let mut x = x.clone();
                    let mut moved = Reference { extents, values: reference.values.clone() };
                    match which {
                        0 => x[index] += step,
                        _ => moved.values[which - 1][index] += step,
                    }
                    moved.total(&x, &share)
                };
                let expected = (total(1e-6) - total(-1e-6)) / 2e-6;
                let apart = (found[index] - expected).abs() / largest;
                assert!(
                    apart < 1e-4,
                    "{engine:?}: tensor {which} at {index}: {} and {expected}",
                    found[index]
                );
            }
        }
    }
}

//! Summing over ranks: gradients and counts of a step, counts of an evaluation.

use brazier_collective::{Collective, CollectiveError};
use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::seen::Seen;

/// Sums what the ranks saw and whether any wants to stop, and averages their gradients, in one bucket: gradients in
/// graph order, then `[loss, correct, in_top_k, samples, stop]`.
///
/// # Errors
/// Another rank is gone.
pub fn reduce_step(
    network: ResNet,
    head: &str,
    gradients: &mut Gradients,
    (seen, stop): (Seen, bool),
    collective: &mut dyn Collective,
) -> Result<(Seen, bool), CollectiveError> {
    let mut gather = Gather { gradients, bucket: Vec::new() };
    let network = map(network, head, &mut gather);
    let mut bucket = gather.bucket;
    let own = bucket.len();
    bucket.extend(counts(seen, stop));
    collective.all_reduce_sum(&mut bucket)?;
    let (sums, tail) = bucket.split_at(own);
    map(network, head, &mut Scatter { gradients, rest: sums, share: 1.0 / collective.world() as f64 });
    Ok(from_counts(tail))
}

/// Sums what the ranks saw and whether any wants to stop.
///
/// # Errors
/// Another rank is gone.
pub fn reduce_seen(
    (seen, stop): (Seen, bool),
    collective: &mut dyn Collective,
) -> Result<(Seen, bool), CollectiveError> {
    let mut bucket = counts(seen, stop);
    collective.all_reduce_sum(&mut bucket)?;
    Ok(from_counts(&bucket))
}

/// Counts are exact in f32 up to 2^24 images a call.
fn counts(seen: Seen, stop: bool) -> [f32; 5] {
    let stop = if stop { 1.0 } else { 0.0 };
    [seen.loss as f32, seen.correct as f32, seen.in_top_k as f32, seen.samples as f32, stop]
}

fn from_counts(counts: &[f32]) -> (Seen, bool) {
    let &[loss, correct, in_top_k, samples, stop] = counts else { return Default::default() };
    let seen = Seen {
        loss: f64::from(loss),
        correct: correct as usize,
        in_top_k: in_top_k as usize,
        samples: samples as usize,
    };
    (seen, stop > 0.0)
}

struct Gather<'a> {
    gradients: &'a Gradients,
    bucket: Vec<f32>,
}

impl Map for Gather<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            self.bucket.extend(gradient.into_data().iter::<f32>());
        }
        value
    }
}

struct Scatter<'a> {
    gradients: &'a mut Gradients,
    rest: &'a [f32],
    share: f64,
}

impl Map for Scatter<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            let shape = gradient.shape();
            let (own, rest) = self.rest.split_at(shape.num_elements());
            self.rest = rest;
            let sum: Tensor<D> = Tensor::from_data(TensorData::new(own.to_vec(), shape), &gradient.device());
            value.grad_replace(self.gradients, sum * self.share);
        }
        value
    }
}

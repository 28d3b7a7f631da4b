//! Summing over ranks: gradients and counts of a step, counts of an evaluation.

use brazier_collective::{Collective, CollectiveError};
use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::seen::Seen;

/// Sums what the ranks saw and whether any wants to stop, and averages their gradients, in one bucket: gradients in
/// graph order, then the counts.
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

/// Counts travel as f32, which is exact up to 2^24: in two parts they are up to 2^44.
const PART: usize = 1 << 20;

/// `[loss, stop]`, then each count in two parts.
fn counts(seen: Seen, stop: bool) -> [f32; 10] {
    let Seen { samples, loss, answers, correct, in_top_k } = seen;
    let [high, low] = [|count: usize| (count / PART) as f32, |count: usize| (count % PART) as f32];
    let stop = if stop { 1.0 } else { 0.0 };
    let [a, b, c, d] = [samples, answers, correct, in_top_k];
    [loss as f32, stop, high(a), low(a), high(b), low(b), high(c), low(c), high(d), low(d)]
}

fn from_counts(counts: &[f32]) -> (Seen, bool) {
    let &[loss, stop, ref parts @ ..] = counts else { return Default::default() };
    let mut whole = parts.chunks_exact(2).map(|parts| parts[0] as usize * PART + parts[1] as usize);
    let mut next = || whole.next().unwrap_or_default();
    let (samples, answers, correct, in_top_k) = (next(), next(), next(), next());
    (Seen { samples, loss: f64::from(loss), answers, correct, in_top_k }, stop > 0.0)
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

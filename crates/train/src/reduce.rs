//! Summing over ranks: what they saw, and their gradients.

use brazier_collective::{Collective, CollectiveError, Wire};
use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::seen::Seen;

#[cfg(feature = "cuda")]
mod on_device;

/// What a rank tells the others before they do something together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Word {
    /// What it saw.
    pub seen: Seen,
    /// It wants to stop after this.
    pub stop: bool,
    /// It has nothing to give: nobody does what was to be done.
    pub void: bool,
}

/// Sums what the ranks saw, and whether any wants to stop or has nothing to give.
///
/// # Errors
/// Another rank is gone.
pub fn reduce_words(word: Word, collective: &mut dyn Collective) -> Result<Word, CollectiveError> {
    if collective.world() == 1 {
        return Ok(word);
    }
    let mut values = word.values();
    // Exact, whatever format gradients travel in.
    collective.all_reduce_sum(&mut values, Wire::Float32)?;
    Ok(Word::of(&values))
}

/// Counts travel as f32, which is exact up to 2^24: in three parts they are up to 2^48, summed over 256 ranks.
const PART: usize = 1 << 16;

impl Word {
    /// `[loss, stop, void]`, then each count in three parts.
    fn values(self) -> [f32; 15] {
        let Seen { samples, loss, answers, correct, in_top_k } = self.seen;
        let [stop, void] = [self.stop, self.void].map(|is| if is { 1.0 } else { 0.0 });
        let mut values = [loss as f32, stop, void, 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.];
        let parts = |count: usize| [count / PART / PART, count / PART % PART, count % PART];
        let counts = [samples, answers, correct, in_top_k].into_iter().flat_map(parts);
        values[3..].iter_mut().zip(counts).for_each(|(value, part)| *value = part as f32);
        values
    }

    fn of(values: &[f32; 15]) -> Self {
        let [loss, stop, void, parts @ ..] = values;
        let whole = |parts: &[f32]| parts.iter().fold(0, |sum, part| sum * PART + *part as usize);
        let mut whole = parts.chunks_exact(3).map(whole);
        let mut next = || whole.next().unwrap_or_default();
        let (samples, answers, correct, in_top_k) = (next(), next(), next(), next());
        let seen = Seen { samples, loss: f64::from(*loss), answers, correct, in_top_k };
        Word { seen, stop: *stop > 0.0, void: *void > 0.0 }
    }
}

/// Replaces gradients by their mean over all images of the step, of which this rank has the part `share`: in one bucket, in graph
/// order. Between GPUs they travel in float32, whatever `wire` says.
///
/// # Errors
/// Another rank is gone.
pub fn reduce_gradients(
    network: ResNet,
    head: &str,
    gradients: &mut Gradients,
    share: f64,
    wire: Wire,
    collective: &mut dyn Collective,
) -> Result<(), CollectiveError> {
    #[cfg(feature = "cuda")]
    if collective.reaches_devices() {
        return on_device::reduce(network, head, gradients, share, collective);
    }
    let mut gather = Gather { gradients, bucket: Vec::new() };
    let network = map(network, head, &mut gather);
    let mut bucket = gather.bucket;
    let even = 1.0 / collective.world() as f64;
    // Ranks of as many images each are weighed once, after the sum, as MXNet does.
    if share != even || wire == Wire::Float16 {
        bucket.iter_mut().for_each(|value| *value *= share as f32);
    }
    collective.all_reduce_sum(&mut bucket, wire)?;
    let factor = if share != even || wire == Wire::Float16 { 1.0 } else { even };
    map(network, head, &mut Scatter { gradients, rest: &bucket, factor });
    Ok(())
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
    factor: f64,
}

impl Map for Scatter<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            let shape = gradient.shape();
            let (own, rest) = self.rest.split_at(shape.num_elements());
            self.rest = rest;
            let sum: Tensor<D> = Tensor::from_data(TensorData::new(own.to_vec(), shape), &gradient.device());
            value.grad_replace(self.gradients, if self.factor == 1.0 { sum } else { sum * self.factor });
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_many_ranks_add_up_exactly() {
        let seen =
            Seen { samples: 70_001, loss: 0.5, answers: 12_345_678_901, correct: 65_535, in_top_k: 1 << 33 };
        let word = Word { seen, stop: true, void: false };
        let mut sum = [0.0; 15];
        for _ in 0..200 {
            sum.iter_mut().zip(word.values()).for_each(|(sum, value)| *sum += value);
        }
        let seen = Seen {
            samples: 200 * 70_001,
            loss: 100.0,
            answers: 200 * 12_345_678_901,
            correct: 200 * 65_535,
            in_top_k: 200 << 33,
        };
        assert_eq!(Word::of(&sum), Word { seen, stop: true, void: false });
    }
}

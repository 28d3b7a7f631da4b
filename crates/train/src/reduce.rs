//! Summing over ranks: what they saw, and their gradients.

use brazier_collective::{Collective, CollectiveError, Wire};
use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor, TensorData};

use crate::seen::Seen;

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

/// Counts travel as f32, which is exact up to 2^24: in two parts they are up to 2^44.
const PART: usize = 1 << 20;

impl Word {
    /// `[loss, stop, void]`, then each count in two parts.
    fn values(self) -> [f32; 11] {
        let Seen { samples, loss, answers, correct, in_top_k } = self.seen;
        let [high, low] = [|count: usize| (count / PART) as f32, |count: usize| (count % PART) as f32];
        let [stop, void] = [self.stop, self.void].map(|is| if is { 1.0 } else { 0.0 });
        let [a, b, c, d] = [samples, answers, correct, in_top_k];
        [loss as f32, stop, void, high(a), low(a), high(b), low(b), high(c), low(c), high(d), low(d)]
    }

    fn of(values: &[f32; 11]) -> Self {
        let [loss, stop, void, parts @ ..] = values;
        let mut whole = parts.chunks_exact(2).map(|parts| parts[0] as usize * PART + parts[1] as usize);
        let mut next = || whole.next().unwrap_or_default();
        let (samples, answers, correct, in_top_k) = (next(), next(), next(), next());
        let seen = Seen { samples, loss: f64::from(*loss), answers, correct, in_top_k };
        Word { seen, stop: *stop > 0.0, void: *void > 0.0 }
    }
}

/// Replaces gradients by their mean over all images of the step, of which this rank has the part `share`: in one bucket, in graph
/// order.
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

//! What a step or an evaluation saw: samples, loss, right answers.

use brazier_model::loss::{self, Truth};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::checkpoint::exact;

/// What a step or an evaluation saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Images.
    pub samples: usize,
    /// Sum over the images of the cross-entropy.
    #[serde(with = "exact")]
    pub loss: f64,
    /// What could be answered right or wrong: the images, or with several labels each of their classes.
    pub answers: usize,
    /// Right answers: images whose most likely class is their label, or classes on the right side of one half.
    pub correct: usize,
    /// Images whose label is among the k most likely classes.
    pub in_top_k: usize,
}

impl Seen {
    /// Share of right answers; 0 of nothing.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.answers.max(1) as f64
    }

    /// Share of labels among the k most likely classes; 0 of nothing.
    pub fn top_k_accuracy(&self) -> f64 {
        self.in_top_k as f64 / self.samples.max(1) as f64
    }

    /// Mean cross-entropy.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }

    /// Takes in what another step saw.
    pub fn add(&mut self, other: Seen) {
        self.samples += other.samples;
        self.loss += other.loss;
        self.answers += other.answers;
        self.correct += other.correct;
        self.in_top_k += other.in_top_k;
    }
}

/// What a step saw, as far as it is still on the device.
#[derive(Clone, Debug)]
pub struct Unread {
    samples: usize,
    answers: usize,
    /// Mean loss, right answers, labels in the top k. Counts are exact: they are those of one step.
    figures: Tensor<1>,
}

/// Fetches what some steps saw, in one transfer, and sums it in their order.
///
/// # Errors
/// What the device says if it has failed meanwhile.
pub fn read(steps: Vec<Unread>) -> Result<Seen, String> {
    let mut seen = Seen::default();
    let figures: Vec<Tensor<1>> = steps.iter().map(|step| step.figures.clone()).collect();
    if figures.is_empty() {
        return Ok(seen);
    }
    let data = Tensor::cat(figures, 0).try_into_data().map_err(|error| error.to_string())?;
    let figures: Vec<f64> = data.iter::<f64>().collect();
    for (Unread { samples, answers, .. }, figures) in steps.into_iter().zip(figures.as_chunks::<3>().0) {
        let [mean_loss, correct, in_top_k] = *figures;
        let (correct, in_top_k) = (correct as usize, in_top_k as usize);
        seen.add(Seen { samples, loss: mean_loss * samples as f64, answers, correct, in_top_k });
    }
    Ok(seen)
}

/// What the logits of a batch, whose mean loss is `cost`, say about its labels.
pub fn judge(logits: Tensor<2>, truth: &Truth, cost: Tensor<1>, top_k: Option<usize>) -> Unread {
    let [samples, classes] = logits.dims();
    let whole = |count: usize| Tensor::<1>::full([1], count as f64, &logits.device());
    let in_top_k = match (top_k, truth) {
        (Some(k), Truth::Class(labels)) if k < classes => {
            let best = logits.clone().topk(k, 1).slice([0..samples, k - 1..k]);
            let own = logits.clone().gather(1, labels.clone().unsqueeze_dim(1));
            own.greater_equal(best).int().sum().float()
        }
        (Some(_), Truth::Class(_)) => whole(samples),
        _ => whole(0),
    };
    let answers = samples * truth.answers(classes);
    let correct = loss::count_correct(logits, truth).float();
    Unread { samples, answers, figures: Tensor::cat(vec![cost, correct, in_top_k], 0) }
}

//! What a step or an evaluation saw: samples, loss, right answers.

use brazier_model::loss::{self, Truth};
use burn::tensor::{Int, Tensor};
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

/// What the logits of a batch say about its labels.
pub fn judge(logits: Tensor<2>, truth: &Truth, mean_loss: f64, top_k: Option<usize>) -> Seen {
    let [samples, classes] = logits.dims();
    let in_top_k = match (top_k, truth) {
        (Some(k), Truth::Class(labels)) if k < classes => {
            let best = logits.clone().topk(k, 1).slice([0..samples, k - 1..k]);
            let own = logits.clone().gather(1, labels.clone().unsqueeze_dim(1));
            count(own.greater_equal(best).int().sum())
        }
        (Some(_), Truth::Class(_)) => samples,
        _ => 0,
    };
    let answers = samples * truth.answers(classes);
    let correct = count(loss::count_correct(logits, truth));
    Seen { samples, loss: mean_loss * samples as f64, answers, correct, in_top_k }
}

fn count(sum: Tensor<1, Int>) -> usize {
    sum.into_data().iter::<i64>().sum::<i64>().unsigned_abs() as usize
}

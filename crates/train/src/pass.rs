//! Forward and backward over a rank's batch.

use std::ops::Range;

use brazier_collective::{Collective, CollectiveError, Wire};
use brazier_model::loss::{Emphasis, Truth};
use brazier_model::{ResNet, native, together};
use burn::tensor::{Gradients, Tensor};

use crate::Job;
use crate::accumulate::{Sums, split};
use crate::mixup::Mix;
use crate::seen::{Unread, judge};
use crate::step::to_input;
use crate::upload::Uploaded;

/// What the network says of a batch, and the gradients of its mean loss.
pub type Learned = (Vec<Unread>, Gradients);

/// What a step computes with.
pub struct Pass<'a> {
    pub job: &'a Job,
    pub network: &'a ResNet,
    pub emphasis: &'a Emphasis,
    pub mix: Mix,
    /// By which the loss is multiplied.
    pub factor: f64,
}

impl Pass<'_> {
    /// Computed in `parts` parts, one after the other.
    pub fn gradients(&self, batch: &Uploaded, parts: usize) -> Learned {
        native::multiplying(self.job.compute.factors(), || self.gradients_of(batch, parts))
    }

    fn gradients_of(&self, batch: &Uploaded, parts: usize) -> Learned {
        let images = batch.truth.len();
        let pixels = to_input(batch.bytes.clone(), self.job.compute);
        if parts == 1 {
            let (unread, gradients) = self.part(pixels, &batch.truth, 1.0);
            return (vec![unread], gradients);
        }
        let head = &self.job.layout.head;
        let part = |range: Range<usize>| {
            let share = range.len() as f64 / images as f64;
            self.part(pixels.clone().slice([range.clone()]), &batch.truth.slice(range), share)
        };
        let (first, last) = split(images, parts);
        let (mut unread, mut sums) = (Vec::new(), Sums::default());
        for range in first {
            let (unread_now, gradients) = part(range);
            unread.push(unread_now);
            sums.add(self.network.clone(), head, &gradients);
        }
        let (unread_last, mut gradients) = part(last);
        unread.push(unread_last);
        sums.pour(self.network.clone(), head, &mut gradients);
        (unread, gradients)
    }

    /// The same of the images of a part, which is `share` of the batch.
    fn part(&self, pixels: Tensor<4>, truth: &Truth, share: f64) -> (Unread, Gradients) {
        let logits = self.network.forward_frozen(self.mix.pixels(pixels), self.job.frozen);
        let cost = self.mix.cost(logits.clone(), truth, self.emphasis);
        let gradients = match share * self.factor {
            1.0 => cost.backward(),
            factor => (cost.clone() * factor).backward(),
        };
        (judge(logits.inner(), &truth.clone().inner(), cost.inner(), self.job.top_k), gradients)
    }
}

/// The other ranks, while batch norm counts their images too.
pub struct Peers<'a> {
    collective: &'a mut dyn Collective,
    share: f64,
    /// Who is gone, once somebody is; what was computed then is worth nothing.
    pub failed: Option<CollectiveError>,
}

impl<'a> Peers<'a> {
    /// `share` is this rank's part of the step's images.
    pub fn new(collective: &'a mut dyn Collective, share: f64) -> Self {
        Peers { collective, share, failed: None }
    }
}

impl together::Peers for Peers<'_> {
    fn share(&self) -> f64 {
        self.share
    }

    fn sum(&mut self, values: &mut [f32]) {
        if self.failed.is_none() {
            self.failed = self.collective.all_reduce_sum(values, Wire::Float32).err();
        }
    }
}

//! One step: forward, backward, reduce over ranks, update.

use std::ops::Range;
use std::time::Duration;

use brazier_collective::Collective;
use brazier_data::{Batch, Labels};
use brazier_model::ResNet;
use brazier_model::loss::{Emphasis, Truth};
use brazier_model::resnet::pixels_to_tensor;
use burn::module::Module;
use burn::tensor::{DType, Device, Gradients, Tensor};

use crate::accumulate::{Sums, split};
use crate::alike::as_on_the_first;
use crate::average::Average;
use crate::checkpoint::State;
use crate::checkpoint::tensors::{self, Bytes, Part};
use crate::job::Compute;
use crate::loss_scale::LossScale;
use crate::mixup::Mix;
use crate::optimizer::{Optimizer, Update};
use crate::reduce::{Word, reduce_gradients, reduce_words};
use crate::seen::{Seen, judge};
use crate::{Job, TrainError};

/// Names of a checkpoint's sections begin so.
const NETWORK: &str = "network";
const AVERAGE: &str = "average";

/// A rank's network, its optimizer and its link to the other ranks.
pub struct Trainer<'a> {
    job: &'a Job,
    device: Device,
    network: ResNet,
    average: Option<Average>,
    optimizer: Optimizer,
    scale: LossScale,
    emphasis: Emphasis,
    collective: &'a mut dyn Collective,
}

impl<'a> Trainer<'a> {
    /// A trainer that starts from `network`, which lives on the job's device with autodiff.
    pub fn new(job: &'a Job, network: ResNet, collective: &'a mut dyn Collective) -> Self {
        let device = job.device.clone().autodiff();
        let weights = job.positive_weights.as_ref();
        let emphasis = Emphasis {
            positive_weights: weights.map(|weights| Tensor::from_floats(weights.as_slice(), &device)),
            smoothing: job.label_smoothing,
        };
        Trainer {
            job,
            device,
            average: job.ema_decay.map(|decay| Average::new(network.valid(), decay)),
            network,
            optimizer: Optimizer::new(job.optimizer),
            scale: if job.compute == Compute::Float16 { LossScale::dynamic() } else { LossScale::none() },
            emphasis,
            collective,
        }
    }

    /// Begins with the network of rank 0: other processors may draw other last bits.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn begin_alike(&mut self) -> Result<(), TrainError> {
        let head = &self.job.layout.head;
        self.network = as_on_the_first(self.network.clone(), head, false, self.collective)?;
        if let Some(average) = &mut self.average {
            average.resume(self.network.valid(), average.updates());
        }
        Ok(())
    }

    /// The network to judge, without gradients and with the moving statistics of rank 0, whose are kept.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn network_to_judge(&mut self) -> Result<ResNet, TrainError> {
        Ok(as_on_the_first(self.network(), &self.job.layout.head, true, self.collective)?)
    }

    /// The network to judge and to keep, without gradients: as the last step left it, or the average if the job has one.
    pub fn network(&self) -> ResNet {
        self.average.as_ref().map_or_else(|| self.network.valid(), |average| average.network().clone())
    }

    /// Adds weights, statistics, moments and the average to a snapshot of `state`; the rest of it is the run's.
    pub fn collect(&self, state: &mut State, parts: &mut Vec<Part>) {
        let head = &self.job.layout.head;
        tensors::collect(self.network.valid(), head, NETWORK, parts);
        let (updates, moments) = self.optimizer.memory();
        tensors::collect_moments(moments, parts);
        if let Some(average) = &self.average {
            tensors::collect(average.network().clone(), head, AVERAGE, parts);
            state.average_updates = average.updates();
        }
        (state.updates, state.loss_scale) = (updates, self.scale.clone());
    }

    /// Goes on from what [`Trainer::collect`] took.
    ///
    /// # Errors
    /// A tensor that is not there or of another length; `file` is named.
    pub fn resume(&mut self, state: &State, bytes: &mut Bytes, file: &str) -> Result<(), TrainError> {
        let head = &self.job.layout.head;
        self.network = tensors::restore(self.network.clone(), head, NETWORK, bytes, file)?;
        if let Some(average) = &mut self.average {
            let network = tensors::restore(average.network().clone(), head, AVERAGE, bytes, file)?;
            average.resume(network, state.average_updates);
        }
        let moments = tensors::restore_moments(bytes, &self.job.device);
        let refused = |reason| TrainError::Checkpoint { reason: format!("{file}: {reason}") };
        tensors::check_moments(&moments, &self.network, head, self.job.optimizer.moments())
            .map_err(refused)?;
        self.optimizer.resume(state.updates, moments);
        self.scale.resume(&state.loss_scale);
        Ok(())
    }

    /// Time spent with other ranks so far.
    pub fn exchanged(&self) -> Duration {
        self.collective.spent().time
    }

    /// The link to the other ranks.
    pub fn collective(&mut self) -> &mut dyn Collective {
        self.collective
    }

    /// Trains on one batch of this rank, which is the part `share` of the step's images, and moves the weights by the mean gradient of all
    /// images, at `rate`. `update` is the step's number in the run, from 1. `stop` is this rank's wish; the answer says what all
    /// ranks saw and whether any wished it, so that all leave after the same step. If a rank has no batch, nobody moves.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn step(
        &mut self,
        batch: Option<Batch>,
        share: f64,
        update: usize,
        rate: f64,
        stop: bool,
    ) -> Result<Word, TrainError> {
        let Some(batch) = batch else {
            let word = Word { stop: true, void: true, ..Word::default() };
            return Ok(reduce_words(word, self.collective)?);
        };
        let (pixels, truth) = upload(batch, &self.device, self.job.compute);
        let mix = Mix::draw(self.job.mixup, self.job.seed, update, self.collective.rank());
        let (seen, mut gradients) = self.gradients(pixels, &truth, mix);
        let word = reduce_words(Word { seen, stop, void: false }, self.collective)?;
        if word.void {
            return Ok(word);
        }
        let head = &self.job.layout.head;
        if self.collective.world() > 1 {
            let network = self.network.clone();
            reduce_gradients(network, head, &mut gradients, share, self.job.wire, self.collective)?;
        }
        let share = 1.0 / self.scale.factor();
        if self.scale.accepts(self.network.clone(), head, &gradients) {
            let update = Update { gradients: &gradients, share, rate, frozen: self.job.frozen };
            self.network = self.optimizer.step(self.network.clone(), head, update);
        }
        if let Some(average) = &mut self.average {
            average.update(self.network.valid(), head);
        }
        Ok(word)
    }

    /// What the network says of a batch, and the gradients of its mean loss, computed in as many parts as the job asks for.
    fn gradients(&self, pixels: Tensor<4>, truth: &Truth, mix: Mix) -> (Seen, Gradients) {
        let images = truth.len();
        if self.job.gradient_accumulation == 1 {
            return self.part(pixels, truth, mix, 1.0);
        }
        let head = &self.job.layout.head;
        let part = |range: Range<usize>| {
            let share = range.len() as f64 / images as f64;
            self.part(pixels.clone().slice([range.clone()]), &truth.slice(range), mix, share)
        };
        let (first, last) = split(images, self.job.gradient_accumulation);
        let (mut seen, mut sums) = (Seen::default(), Sums::default());
        for range in first {
            let (seen_now, gradients) = part(range);
            seen.add(seen_now);
            sums.add(self.network.clone(), head, &gradients);
        }
        let (seen_last, mut gradients) = part(last);
        seen.add(seen_last);
        sums.pour(self.network.clone(), head, &mut gradients);
        (seen, gradients)
    }

    /// The same of the images of a part, which is `share` of the batch.
    fn part(&self, pixels: Tensor<4>, truth: &Truth, mix: Mix, share: f64) -> (Seen, Gradients) {
        let logits = self.network.forward_frozen(mix.pixels(pixels), self.job.frozen);
        let cost = mix.cost(logits.clone(), truth, &self.emphasis);
        let gradients = match share * self.scale.factor() {
            1.0 => cost.backward(),
            factor => (cost.clone() * factor).backward(),
        };
        let mean_loss = cost.into_data().iter::<f64>().sum();
        (judge(logits.inner(), &truth.clone().inner(), mean_loss, self.job.top_k), gradients)
    }
}

/// The pixels of a batch on `device`, `[n, channels, height, width]` in the format of the convolutions, and what is true of
/// them.
pub fn upload(batch: Batch, device: &Device, compute: Compute) -> (Tensor<4>, Truth) {
    let n = batch.len();
    let extents = [batch.shape.height, batch.shape.width, batch.shape.channels].map(|extent| extent as usize);
    let shape = [n, extents[0], extents[1], extents[2]];
    let truth = match batch.labels {
        Labels::Classes(classes) => Truth::of_classes(&classes, device),
        Labels::MultiHot { classes, values } => Truth::of_cells(values, classes, device),
    };
    let pixels = pixels_to_tensor(batch.pixels, shape, device);
    let pixels = match compute {
        Compute::Float32 => pixels,
        // 0 to 255 are exact in both.
        Compute::Bfloat16 => pixels.cast(DType::BF16),
        Compute::Float16 => pixels.cast(DType::F16),
    };
    (pixels, truth)
}

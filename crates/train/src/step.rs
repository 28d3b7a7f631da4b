//! One step: forward, backward, reduce over ranks, update.

use brazier_collective::Collective;
use brazier_data::{Batch, Labels};
use brazier_model::ResNet;
use brazier_model::loss::{Emphasis, Truth};
use brazier_model::resnet::pixels_to_tensor;
use burn::module::Module;
use burn::tensor::{DType, Device, Gradients, Tensor};

use crate::accumulate::{Sums, split};
use crate::average::Average;
use crate::job::Compute;
use crate::loss_scale::LossScale;
use crate::mixup::Mix;
use crate::optimizer::{Optimizer, Update};
use crate::reduce::reduce_step;
use crate::seen::{Seen, judge};
use crate::{Job, TrainError};

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

    /// The network to judge and to keep, without gradients: as the last step left it, or the average if the job has one.
    pub fn network(&self) -> ResNet {
        self.average.as_ref().map_or_else(|| self.network.valid(), |average| average.network().clone())
    }

    /// The link to the other ranks.
    pub fn collective(&mut self) -> &mut dyn Collective {
        self.collective
    }

    /// Trains on one batch of this rank and moves the weights by the mean gradient of all ranks, at `rate`. `update` is the step's
    /// number in the run, from 1. `stop` is this rank's wish; the answer says whether any rank wished it, so that all leave after
    /// the same step.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn step(
        &mut self,
        batch: Batch,
        update: usize,
        rate: f64,
        stop: bool,
    ) -> Result<(Seen, bool), TrainError> {
        let (pixels, truth) = upload(batch, &self.device, self.job.compute);
        let mix = Mix::draw(self.job.mixup, self.job.seed, update, self.collective.rank());
        let (seen, mut gradients) = self.gradients(&pixels, &truth, mix);
        let (mut outcome, head) = ((seen, stop), &self.job.layout.head);
        if self.collective.world() > 1 {
            let network = self.network.clone();
            outcome = reduce_step(network, head, &mut gradients, outcome, self.collective)?;
        }
        let share = 1.0 / self.scale.factor();
        if self.scale.accepts(self.network.clone(), head, &gradients) {
            let update = Update { gradients: &gradients, share, rate, frozen: self.job.frozen };
            self.network = self.optimizer.step(self.network.clone(), head, update);
        }
        if let Some(average) = &mut self.average {
            average.update(self.network.valid(), head);
        }
        Ok(outcome)
    }

    /// What the network says of a batch, and the gradients of its mean loss, computed in as many parts as the job asks for.
    fn gradients(&self, pixels: &Tensor<4>, truth: &Truth, mix: Mix) -> (Seen, Gradients) {
        let images = truth.len();
        let (mut seen, mut sums) = (Seen::default(), Sums::default());
        let mut ranges = split(images, self.job.gradient_accumulation).peekable();
        loop {
            // There is at least one part, and the loop ends with the last.
            let range = ranges.next().unwrap_or(0..images);
            let share = range.len() as f64 / images as f64;
            let truth = truth.slice(range.clone());
            let pixels = mix.pixels(pixels.clone().slice([range]));
            let logits = self.network.forward_frozen(pixels, self.job.frozen);
            let cost = mix.cost(logits.clone(), &truth, &self.emphasis);
            let mut gradients = (cost.clone() * (share * self.scale.factor())).backward();
            let mean_loss = cost.into_data().iter::<f64>().sum();
            seen.add(judge(logits.inner(), &truth.inner(), mean_loss, self.job.top_k));
            let (network, head) = (self.network.clone(), &self.job.layout.head);
            if ranges.peek().is_none() {
                sums.pour(network, head, &mut gradients);
                return (seen, gradients);
            }
            sums.add(network, head, &gradients);
        }
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

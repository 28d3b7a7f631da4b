//! One step: forward, backward, reduce over ranks, update.

use brazier_collective::Collective;
use brazier_data::{Batch, Labels};
use brazier_model::ResNet;
use brazier_model::loss::{self, Emphasis, Truth};
use brazier_model::resnet::pixels_to_tensor;
use burn::tensor::{Device, Tensor};

use crate::optimizer::Optimizer;
use crate::reduce::reduce_step;
use crate::seen::{Seen, judge};
use crate::{Job, TrainError};

/// A rank's network, its optimizer and its link to the other ranks.
pub struct Trainer<'a> {
    job: &'a Job,
    device: Device,
    network: ResNet,
    optimizer: Optimizer,
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
        Trainer { job, device, network, optimizer: Optimizer::new(job.optimizer), emphasis, collective }
    }

    /// The network as the last step left it.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// The link to the other ranks.
    pub fn collective(&mut self) -> &mut dyn Collective {
        self.collective
    }

    /// Trains on one batch of this rank and moves the weights by the mean gradient of all ranks. `stop` is this rank's
    /// wish; the answer says whether any rank wished it, so that all leave after the same step.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn step(&mut self, batch: Batch, rate: f64, stop: bool) -> Result<(Seen, bool), TrainError> {
        let (pixels, truth) = upload(batch, &self.device);
        let logits = self.network.forward(pixels);
        let cost = loss::cost(logits.clone(), &truth, &self.emphasis);
        let mut gradients = cost.backward();
        let mean_loss = cost.into_data().iter::<f64>().sum();
        let mut outcome = (judge(logits.inner(), &truth.inner(), mean_loss, self.job.top_k), stop);
        let head = &self.job.layout.head;
        if self.collective.world() > 1 {
            let network = self.network.clone();
            outcome = reduce_step(network, head, &mut gradients, outcome, self.collective)?;
        }
        self.network = self.optimizer.step(self.network.clone(), head, &gradients, rate);
        Ok(outcome)
    }
}

/// The pixels of a batch on `device`, `[n, channels, height, width]`, and what is true of them.
pub fn upload(batch: Batch, device: &Device) -> (Tensor<4>, Truth) {
    let n = batch.len();
    let extents = [batch.shape.height, batch.shape.width, batch.shape.channels].map(|extent| extent as usize);
    let shape = [n, extents[0], extents[1], extents[2]];
    let truth = match batch.labels {
        Labels::Classes(classes) => Truth::of_classes(&classes, device),
        Labels::MultiHot { classes, values } => Truth::of_cells(values, classes, device),
    };
    (pixels_to_tensor(batch.pixels, shape, device), truth)
}

//! One step: forward, backward, reduce over ranks, update.

use brazier_collective::Collective;
use brazier_data::Batch;
use brazier_model::resnet::pixels_to_tensor;
use brazier_model::{ResNet, loss};
use burn::tensor::{Device, Int, Tensor};

use crate::optimizer::Sgd;
use crate::reduce::reduce_step;
use crate::seen::{Seen, judge};
use crate::{Job, TrainError};

/// A rank's network, its optimizer and its link to the other ranks.
pub struct Trainer<'a> {
    job: &'a Job,
    device: Device,
    network: ResNet,
    optimizer: Sgd,
    collective: &'a mut dyn Collective,
}

impl<'a> Trainer<'a> {
    /// A trainer that starts from `network`, which lives on the job's device with autodiff.
    pub fn new(job: &'a Job, network: ResNet, collective: &'a mut dyn Collective) -> Self {
        let optimizer = Sgd::new(job.momentum, job.weight_decay);
        Trainer { job, device: job.device.clone().autodiff(), network, optimizer, collective }
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
        let (pixels, labels) = upload(batch, &self.device)?;
        let logits = self.network.forward(pixels);
        let cost = loss::cross_entropy(logits.clone(), labels.clone());
        let mut gradients = cost.backward();
        let mean_loss = cost.into_data().iter::<f64>().sum();
        let mut outcome = (judge(logits.inner(), labels.inner(), mean_loss, self.job.top_k), stop);
        let head = &self.job.layout.head;
        if self.collective.world() > 1 {
            let network = self.network.clone();
            outcome = reduce_step(network, head, &mut gradients, outcome, self.collective)?;
        }
        self.network = self.optimizer.step(self.network.clone(), head, &gradients, rate);
        Ok(outcome)
    }
}

/// The pixels and labels of a batch on `device`: `[n, channels, height, width]` and `[n]`.
///
/// # Errors
/// Images with several labels.
pub fn upload(batch: Batch, device: &Device) -> Result<(Tensor<4>, Tensor<1, Int>), TrainError> {
    let n = batch.len();
    let classes = batch.labels.classes().ok_or(TrainError::SeveralLabels)?;
    let extents = [batch.shape.height, batch.shape.width, batch.shape.channels].map(|extent| extent as usize);
    let shape = [n, extents[0], extents[1], extents[2]];
    let labels = loss::labels_to_tensor(classes, device);
    Ok((pixels_to_tensor(batch.pixels, shape, device), labels))
}

//! One step: forward, backward, reduce over ranks, update.

use std::mem;
use std::time::Duration;

use brazier_collective::Collective;
use brazier_data::Batch;
use brazier_model::ResNet;
use brazier_model::loss::Emphasis;
use brazier_model::native;
use brazier_model::resnet::bytes_to_input;
use brazier_model::together::together;
use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor};

use crate::alike::{Statistics, as_on_the_first};
use crate::average::Average;
use crate::checkpoint::State;
use crate::checkpoint::tensors::{self, Bytes, Part};
use crate::job::Compute;
use crate::loss_scale::LossScale;
use crate::memory::{Parts, failed};
use crate::mixup::Mix;
use crate::optimizer::{Optimizer, Update};
use crate::pass::{Learned, Pass, Peers};
use crate::reduce::{Word, reduce_gradients, reduce_words};
use crate::seen::{self, Unread};
use crate::upload::{Uploaded, upload};
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
    /// Batch norm counts the images of other ranks too.
    synchronises: bool,
    parts: Parts,
    /// What steps saw that was not fetched yet.
    unread: Vec<Unread>,
    news: Option<String>,
    collective: &'a mut dyn Collective,
}

/// One step of a run.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// This rank's part of the step's images.
    pub share: f64,
    /// The step's number in the run, from 1.
    pub update: usize,
    /// Learning rate.
    pub rate: f64,
    /// This rank wishes to stop after it.
    pub stop: bool,
    /// What was seen is fetched; equal on all ranks.
    pub read: bool,
}

impl Turn {
    /// That of a single rank that goes on.
    pub fn alone(update: usize, rate: f64) -> Self {
        Turn { share: 1.0, update, rate, stop: false, read: true }
    }
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
        let synchronises = job.sync_batch_norm && collective.world() > 1;
        Trainer {
            job,
            device,
            average: job.ema_decay.map(|decay| Average::new(network.valid(), decay)),
            network,
            optimizer: Optimizer::new(job.optimizer),
            scale: if job.compute == Compute::Float16 { LossScale::dynamic() } else { LossScale::none() },
            emphasis,
            synchronises,
            // A rank that did a step again would meet the others in the middle of theirs.
            parts: Parts::new(job.gradient_accumulation, !synchronises),
            unread: Vec::new(),
            news: None,
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

    /// The network to judge, without gradients and with the moving statistics of rank 0, whose are kept; for use alone.
    ///
    /// # Errors
    /// Another rank is gone.
    pub fn network_to_judge(&mut self) -> Result<ResNet, TrainError> {
        let network = as_on_the_first(self.network(), &self.job.layout.head, true, self.collective)?;
        let compute = self.job.compute;
        let computes = compute.stays_float32(&self.device);
        Ok(if computes { native::multiplying(compute.factors(), || network.packed()) } else { network })
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

    /// A batch on this rank's device.
    pub fn upload(&self, batch: Batch) -> Uploaded {
        upload(batch, &self.device)
    }

    /// What the user should know of the last step.
    pub fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Trains on one batch of this rank and moves the weights by the mean gradient of all images of the step. The answer says
    /// whether any rank wished to stop, so that all leave after the same step, and, if it was to be read, what all ranks saw
    /// since it was last read. If a rank has no batch, nobody moves.
    ///
    /// # Errors
    /// Another rank is gone; the device fails.
    pub fn step(&mut self, batch: Option<Uploaded>, turn: Turn) -> Result<Word, TrainError> {
        // Before the layers need each other, all must have something for them.
        let begin = Word { void: batch.is_none(), ..Word::default() };
        let is_void = self.synchronises && reduce_words(begin, self.collective)?.void;
        let Some(batch) = batch.filter(|_| !is_void) else {
            return self.agree(Word { stop: true, void: true, ..Word::default() }, Vec::new(), true);
        };
        let mix = Mix::draw(self.job.mixup, self.job.seed, turn.update, self.collective.rank());
        let Turn { share, update: _, rate, stop, read } = turn;
        let (unread, mut gradients) = self.gradients(&batch, mix, share)?;
        let word = self.agree(Word { stop, ..Word::default() }, unread, read)?;
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

    /// What the ranks together wish, before anybody moves.
    fn agree(&mut self, word: Word, now: Vec<Unread>, read: bool) -> Result<Word, TrainError> {
        let all = reduce_words(word, self.collective)?;
        if !all.void {
            // A step that nobody takes counts for nothing.
            self.unread.extend(now);
        }
        if !(read || all.stop || all.void) {
            return Ok(all);
        }
        let seen = seen::read(mem::take(&mut self.unread)).map_err(|reason| failed(&reason))?;
        let Word { seen, .. } = reduce_words(Word { seen, ..Word::default() }, self.collective)?;
        Ok(Word { seen, ..all })
    }

    /// What the network says of a batch, and the gradients of its mean loss, computed in as many parts as the job asks for, or
    /// as its memory asks for.
    fn gradients(&mut self, batch: &Uploaded, mix: Mix, share: f64) -> Result<Learned, TrainError> {
        let (mut parts, head) = (self.parts, &self.job.layout.head);
        let watches = parts.watches();
        let statistics = watches.then(|| Statistics::of(&self.network, head));
        let pass = Pass {
            job: self.job,
            network: &self.network,
            emphasis: &self.emphasis,
            mix,
            factor: self.scale.factor(),
        };
        let mut peers = self.synchronises.then(|| Peers::new(self.collective, share));
        let attempt = |parts| {
            let made = match &mut peers {
                Some(peers) => together(peers, || pass.gradients(batch, parts)),
                None => pass.gradients(batch, parts),
            };
            if watches {
                self.device.sync().map_err(|error| error.to_string())?;
            }
            Ok(made)
        };
        let undo = || statistics.into_iter().for_each(|before| before.put_back(&self.network, head));
        let (made, news) = parts.fit(batch.truth.len(), attempt, undo)?;
        if let Some(error) = peers.and_then(|peers| peers.failed) {
            return Err(error.into());
        }
        (self.parts, self.news) = (parts, news);
        Ok(made)
    }
}

/// Bytes on the device as what the network takes, `[n, channels, height, width]`: in the format of the convolutions, or in
/// float32 where our kernels round for themselves.
pub fn to_input(bytes: Tensor<4, Int>, compute: Compute) -> Tensor<4> {
    let stays_float32 = compute.stays_float32(&bytes.device());
    let pixels = bytes_to_input(bytes);
    match compute {
        // 0 to 255 are exact in both.
        Compute::Bfloat16 if !stays_float32 => pixels.cast(DType::BF16),
        Compute::Float16 => pixels.cast(DType::F16),
        Compute::Float32 | Compute::Bfloat16 => pixels,
    }
}

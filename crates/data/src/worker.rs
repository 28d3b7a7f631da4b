//! Threads that decode samples into batches, ahead of the trainer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brazier_image::{InputShape, Limits, Preprocess, TrainTransform};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::sampler::{self, Order, Share};
use crate::{Batch, DataError, Dataset};

mod batches;
pub(crate) mod work;

pub use batches::Batches;
use work::Work;

/// Decodes the samples of one dataset on a pool of threads of its own, so that decoding and the network's arithmetic
/// do not queue behind each other.
#[derive(Debug, Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    pool: Arc<ThreadPool>,
}

/// One rank's part of one training epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainPlan {
    /// Fixes the order of the samples and the augmentation of each.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
    /// Steps in the epoch, see [`steps_per_epoch`](crate::steps_per_epoch).
    pub steps: usize,
    /// The step to begin with: 0, or where a checkpoint stopped.
    pub start_step: usize,
    /// This rank's share.
    pub share: Share,
    /// Whether to shuffle; off, the samples come as stored.
    pub shuffle: bool,
}

impl Loader {
    /// A loader with `threads` decoding threads, at least one.
    pub fn new(dataset: Arc<Dataset>, threads: usize) -> Result<Self, DataError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|number| format!("decode-{number}"))
            .build()
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        Ok(Self { dataset, pool: Arc::new(pool) })
    }

    /// The batches of a training epoch from `plan.start_step` on, all of the full size.
    pub fn train_epoch(&self, transform: &TrainTransform, plan: TrainPlan) -> Result<Batches, DataError> {
        let len = self.dataset.source.len();
        let work = Work::Train { transform: transform.clone(), seed: plan.seed, epoch: plan.epoch };
        let indices = move || {
            let order = Order::new(len, plan.seed, plan.epoch, plan.shuffle);
            (plan.start_step..plan.steps).map(move |step| order.batch(step, plan.share))
        };
        self.start(work, transform.shape, indices)
    }

    /// This rank's part of an evaluation: its samples once each, the last batch short.
    pub fn evaluation(&self, preprocess: &Preprocess, share: Share) -> Result<Batches, DataError> {
        let len = self.dataset.source.len();
        let work = Work::Evaluate(preprocess.clone());
        self.start(work, preprocess.shape, move || sampler::evaluation(len, share).map(Iterator::collect))
    }

    /// Starts the producer. `indices` runs on its thread, since shuffling a large dataset takes a while too.
    fn start<I: Iterator<Item = Vec<usize>>>(
        &self,
        work: Work,
        shape: InputShape,
        indices: impl FnOnce() -> I + Send + 'static,
    ) -> Result<Batches, DataError> {
        let loader = self.clone();
        Batches::start(move |stop, send| {
            for indices in indices() {
                let Some(batch) = loader.batch(&work, shape, &indices, stop) else { return };
                let failed = batch.is_err();
                if !send(batch) || failed {
                    return;
                }
            }
        })
    }

    /// Decodes the samples straight into the batch's buffer. `None` when told to stop. Of several errors the first
    /// in the batch's order is returned, whichever thread met it first.
    fn batch(
        &self,
        work: &Work,
        shape: InputShape,
        indices: &[usize],
        stop: &AtomicBool,
    ) -> Option<Result<Batch, DataError>> {
        let limits = Limits::default();
        let mut pixels = vec![0; shape.len().saturating_mul(indices.len())];
        let labels: Option<Vec<Result<i64, DataError>>> = self.pool.install(|| {
            pixels
                .par_chunks_mut(shape.len().max(1))
                .zip(indices)
                .map(|(out, index)| {
                    let stopped = stop.load(Ordering::Relaxed);
                    (!stopped).then(|| work.run(&self.dataset, *index, &limits, out))
                })
                .collect()
        });
        let labels: Result<Vec<i64>, DataError> = labels?.into_iter().collect();
        Some(labels.map(|labels| Batch { pixels, labels, shape }))
    }
}

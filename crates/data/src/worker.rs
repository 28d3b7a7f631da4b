//! Threads that decode samples into batches, ahead of the trainer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brazier_image::{InputShape, Limits, Preprocess, TrainTransform};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::sampler::{self, Order, Share};
use crate::stream::Stream;
use crate::{DataError, Dataset, Target};

mod batches;
mod decode;
mod fan;
mod streamed;
pub(crate) mod work;

pub use batches::Batches;
use fan::Fan;
use work::{How, Work};

/// Where a channel's samples come from.
#[derive(Debug, Clone)]
pub enum Feed {
    /// Samples that can be read in any order.
    Indexed(Arc<Dataset>),
    /// Samples as the platform sends them.
    Streamed(Arc<Stream>),
}

impl Feed {
    /// The samples, where they can be read in any order.
    pub fn dataset(&self) -> Option<&Arc<Dataset>> {
        match self {
            Self::Indexed(dataset) => Some(dataset),
            Self::Streamed(_) => None,
        }
    }

    /// One line for the log.
    pub fn description(&self) -> String {
        match self {
            Self::Indexed(dataset) => dataset.description.clone(),
            Self::Streamed(stream) => stream.description(),
        }
    }
}

impl From<Arc<Dataset>> for Feed {
    fn from(dataset: Arc<Dataset>) -> Self {
        Self::Indexed(dataset)
    }
}

impl From<Arc<Stream>> for Feed {
    fn from(stream: Arc<Stream>) -> Self {
        Self::Streamed(stream)
    }
}

/// Decodes the samples of one channel on a pool of threads of its own, so that decoding and the network's arithmetic
/// do not queue behind each other.
#[derive(Debug, Clone)]
pub struct Loader {
    feed: Feed,
    pool: Arc<ThreadPool>,
    target: Target,
    limits: Limits,
    /// Ranks of this host, which share the loader's threads.
    ranks: usize,
    /// Where they get what is streamed.
    fan: Arc<Fan>,
    /// Whether every host holds another part of the channel.
    sharded: bool,
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
    /// A loader with `threads` decoding threads, at least one, for samples of any one class each.
    pub fn new(feed: impl Into<Feed>, threads: usize) -> Result<Self, DataError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|number| format!("decode-{number}"))
            .build()
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        let (target, limits) = (Target::ANY_CLASS, Limits::default());
        Ok(Self {
            feed: feed.into(),
            pool: Arc::new(pool),
            target,
            limits,
            ranks: 1,
            fan: Arc::default(),
            sharded: false,
        })
    }

    /// What is to be learned of each sample.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// What one image may cost.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// As many ranks of this host, as of every other one, use it at the same time, each for its share.
    #[must_use]
    pub fn with_ranks(self, ranks: usize) -> Self {
        Self { ranks: ranks.max(1), ..self }
    }

    /// Every host holds another part of the channel, which its ranks share.
    #[must_use]
    pub fn with_shards(self) -> Self {
        Self { sharded: true, ..self }
    }

    /// The shares of all ranks of the host of `share`.
    fn shares(&self, share: Share) -> Vec<Share> {
        share.of_host(self.ranks).map(|share| self.share(share)).collect()
    }

    fn share(&self, share: Share) -> Share {
        if self.sharded { share.within_shard(self.ranks) } else { share }
    }

    /// What the log should say of damaged samples since it was last asked.
    pub fn news(&self) -> Option<String> {
        match &self.feed {
            Feed::Indexed(dataset) => dataset.skipped.news(),
            Feed::Streamed(stream) => stream.skipped.news(),
        }
    }

    /// The batches of a training epoch from `plan.start_step` on, all of the full size.
    pub fn train_epoch(&self, transform: &TrainTransform, plan: TrainPlan) -> Result<Batches, DataError> {
        let how = How::Train { transform: transform.clone(), seed: plan.seed, epoch: plan.epoch };
        let work = self.work(how);
        let dataset = match &self.feed {
            Feed::Indexed(dataset) => Arc::clone(dataset),
            Feed::Streamed(stream) => {
                let begin = || streamed::train(Arc::clone(stream), self.clone(), work, transform.shape, plan);
                return self.fan.take(plan.share.rank % self.ranks, begin);
            }
        };
        let plan = TrainPlan { share: self.share(plan.share), ..plan };
        let len = dataset.source.len();
        let indices = move || {
            let order = Order::new(len, plan.seed, plan.epoch, plan.shuffle);
            (plan.start_step..plan.steps).map(move |step| order.batch(step, plan.share))
        };
        self.start(dataset, work, transform.shape, indices)
    }

    /// This rank's part of an evaluation: its samples once each, the last batch short.
    pub fn evaluation(&self, preprocess: &Preprocess, share: Share) -> Result<Batches, DataError> {
        let work = self.work(How::Evaluate(preprocess.clone()));
        let dataset = match &self.feed {
            Feed::Indexed(dataset) => Arc::clone(dataset),
            Feed::Streamed(stream) => {
                let begin =
                    || streamed::evaluation(Arc::clone(stream), self.clone(), work, preprocess.shape, share);
                return self.fan.take(share.rank % self.ranks, begin);
            }
        };
        let share = self.share(share);
        let len = dataset.source.len();
        let indices = move || sampler::evaluation(len, share).map(Iterator::collect);
        self.start(dataset, work, preprocess.shape, indices)
    }

    fn work(&self, how: How) -> Work {
        Work { how, target: self.target, limits: self.limits }
    }

    /// Starts the producer. `indices` runs on its thread, since shuffling a large dataset takes a while too.
    fn start<I: Iterator<Item = Vec<usize>>>(
        &self,
        dataset: Arc<Dataset>,
        work: Work,
        shape: InputShape,
        indices: impl FnOnce() -> I + Send + 'static,
    ) -> Result<Batches, DataError> {
        let loader = self.clone();
        Batches::start(self.target, move |stop: &Arc<AtomicBool>, send| {
            for indices in indices() {
                let (dataset, work) = (Arc::clone(&dataset), work.clone());
                let decode = move |index: &usize, out: &mut [u8]| work.indexed(&dataset, *index, out);
                if !send(Ok(loader.decode(indices, shape, stop, decode))) {
                    return;
                }
            }
        })
    }
}

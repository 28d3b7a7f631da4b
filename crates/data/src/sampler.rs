//! Which samples make which batch: a pure function, so that a resumed run sees what an unbroken one would have.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Keeps the random streams apart that share a seed and an epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Order = 1,
    Sample = 2,
    Window = 3,
}

/// A generator keyed by everything that it may depend on.
pub(crate) fn generator(stream: Stream, seed: u64, epoch: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [stream as u64, seed, epoch, index];
    for (bytes, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    ChaCha8Rng::from_seed(key)
}

/// A rank's share of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the ranks, from 0.
    pub rank: usize,
    /// How many ranks there are, at least 1.
    pub world: usize,
    /// Samples per batch and rank.
    pub batch_size: usize,
}

impl Share {
    /// All the work of a job with one rank.
    pub const fn whole(batch_size: usize) -> Self {
        Self { rank: 0, world: 1, batch_size }
    }

    /// The share in a channel of which every host holds another part (`ShardedByS3Key`): the `ranks_per_host` ranks
    /// of a host share what that host has.
    #[must_use]
    pub const fn within_shard(self, ranks_per_host: usize) -> Self {
        let world = if ranks_per_host == 0 { 1 } else { ranks_per_host };
        Self { rank: self.rank % world, world, batch_size: self.batch_size }
    }
}

/// The order of the samples in one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    indices: Vec<usize>,
}

impl Order {
    /// The order of `len` samples: shuffled by seed and epoch, or as stored.
    pub fn new(len: usize, seed: u64, epoch: u64, shuffle: bool) -> Self {
        let mut indices: Vec<usize> = (0..len).collect();
        if shuffle {
            // Written out, because the sequence is part of what a checkpoint relies on: a library may change its own.
            let mut random = generator(Stream::Order, seed, epoch, 0);
            for last in (1..len).rev() {
                let bound = last as u128 + 1;
                let chosen = (u128::from(random.next_u64()) * bound) >> 64;
                indices.swap(last, chosen as usize);
            }
        }
        Self { indices }
    }

    /// The samples of one rank in one global step.
    ///
    /// Step `t` of `w` ranks with batches of `b` takes the positions from `t * w * b` to `(t + 1) * w * b`, rank `r` the
    /// `r`-th slice of `b`: what one rank would do with a batch of `w * b`. Positions past the end begin the order anew.
    pub fn batch(&self, step: usize, share: Share) -> Vec<usize> {
        let first =
            step.saturating_mul(share.world).saturating_add(share.rank).saturating_mul(share.batch_size);
        let start = first.checked_rem(self.indices.len()).unwrap_or_default();
        let anew = self.indices.iter().cycle();
        self.indices[start..].iter().chain(anew).take(share.batch_size).copied().collect()
    }
}

/// Batches that every rank trains on in an epoch: the built-in algorithm's floor of samples over the global batch,
/// whatever the data really holds. Zero when there are fewer samples than a global batch.
pub fn steps_per_epoch(num_training_samples: usize, batch_size: usize, world: usize) -> usize {
    num_training_samples.checked_div(batch_size.saturating_mul(world)).unwrap_or_default()
}

/// The batches of one rank's evaluation, as ranges of sample indices. Together the ranks see every sample exactly once;
/// the last batch may be short.
pub fn evaluation(len: usize, share: Share) -> impl Iterator<Item = Range<usize>> + Send {
    let world = share.world.max(1);
    // Wide enough that the product cannot overflow; the quotient is at most `len`.
    let bound = |rank: usize| (len as u128 * rank.min(world) as u128 / world as u128) as usize;
    let (first, last) = (bound(share.rank), bound(share.rank.saturating_add(1)));
    let size = share.batch_size.max(1);
    (first..last).step_by(size).map(move |start| start..last.min(start.saturating_add(size)))
}

/// Where training stands: the step to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// From 0.
    pub epoch: u64,
    /// Within the epoch, from 0.
    pub step: u64,
}

impl Cursor {
    /// The cursor one step on; the step after an epoch's last is the first of the next.
    #[must_use]
    pub fn next(self, steps_per_epoch: u64) -> Self {
        if self.step.saturating_add(1) >= steps_per_epoch {
            Self { epoch: self.epoch.saturating_add(1), step: 0 }
        } else {
            Self { epoch: self.epoch, step: self.step + 1 }
        }
    }
}

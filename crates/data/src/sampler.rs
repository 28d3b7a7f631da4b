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

/// A rank's share of the work: of each step some of the samples, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the ranks, from 0.
    pub rank: usize,
    /// How many ranks there are, at least 1.
    pub world: usize,
    /// Samples of a step before this rank's.
    pub first: usize,
    /// Samples of a step that are this rank's.
    pub images: usize,
    /// Samples of a step of all ranks.
    pub step: usize,
}

impl Share {
    /// The share of `rank` in steps of `step` samples, which the ranks divide as evenly as they can.
    pub const fn new(rank: usize, world: usize, step: usize) -> Self {
        let first = bound(step, rank, world);
        Self { rank, world, first, images: bound(step, rank.saturating_add(1), world) - first, step }
    }

    /// All the work of a job with one rank.
    pub const fn whole(step: usize) -> Self {
        Self::new(0, 1, step)
    }

    /// The shares of all ranks of this one's host, which has `ranks` of them, as every other one.
    pub fn of_host(self, ranks: usize) -> impl Iterator<Item = Self> {
        let ranks = ranks.max(1);
        let first = self.rank / ranks * ranks;
        (first..first + ranks).map(move |rank| Self::new(rank, self.world, self.step))
    }

    /// The share in a channel of which every host holds another part (`ShardedByS3Key`): the `ranks_per_host` ranks
    /// of a host share what that host has, and of a step it does what it would do otherwise.
    #[must_use]
    pub const fn within_shard(self, ranks_per_host: usize) -> Self {
        let ranks = if ranks_per_host == 0 { 1 } else { ranks_per_host };
        let host = self.rank / ranks * ranks;
        let (begin, end) = (bound(self.step, host, self.world), bound(self.step, host + ranks, self.world));
        Self { rank: self.rank % ranks, world: ranks, first: self.first - begin, step: end - begin, ..self }
    }
}

/// Where the part of `rank` begins when `world` ranks divide `whole` as evenly as they can.
const fn bound(whole: usize, rank: usize, world: usize) -> usize {
    let world = if world == 0 { 1 } else { world };
    let rank = if rank > world { world } else { rank };
    // Wide enough that the product cannot overflow; the quotient is at most `whole`.
    (whole as u128 * rank as u128 / world as u128) as usize
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
    /// Step `t` of `n` samples takes the positions from `t * n` to `(t + 1) * n`, and the ranks divide them in their order: together they
    /// take what one rank would. Positions past the end begin the order anew.
    pub fn batch(&self, step: usize, share: Share) -> Vec<usize> {
        let first = step.saturating_mul(share.step).saturating_add(share.first);
        let start = first.checked_rem(self.indices.len()).unwrap_or_default();
        let anew = self.indices.iter().cycle();
        self.indices[start..].iter().chain(anew).take(share.images).copied().collect()
    }
}

/// Steps of `step` samples over all ranks in an epoch: the built-in algorithm's floor, whatever the data really holds. Zero when there
/// are fewer samples than a step takes.
pub fn steps_per_epoch(num_training_samples: usize, step: usize) -> usize {
    num_training_samples.checked_div(step).unwrap_or_default()
}

/// The batches of one rank's evaluation, as ranges of sample indices. Together the ranks see every sample exactly once;
/// the last batch may be short.
pub fn evaluation(len: usize, share: Share) -> impl Iterator<Item = Range<usize>> + Send {
    let (first, last) =
        (bound(len, share.rank, share.world), bound(len, share.rank.saturating_add(1), share.world));
    let size = share.images.max(1);
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

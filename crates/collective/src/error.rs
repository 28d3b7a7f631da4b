//! What goes wrong among ranks.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Wire;

/// Why ranks could not do something together. Names are empty where a rank has none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CollectiveError {
    /// A rank has ended, hangs, is cut off, or has left the group in the middle.
    #[error("{} is gone: {why}", Named(*rank, name))]
    Lost {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// How we know.
        why: String,
    },
    /// A rank had an error of its own and said so.
    #[error("{} stopped: {reason}", Named(*rank, name))]
    Aborted {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// Its error.
        reason: String,
    },
    /// A rank lives but does not come to an operation at which others wait.
    #[error(
        "{} is alive but hangs: others have waited for {} s at operation {operation}, which it has not begun",
        Named(*rank, name), waited.as_secs_f64().round()
    )]
    Behind {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// Which operation, counted from 1.
        operation: u64,
        /// For how long others have waited.
        waited: Duration,
    },
    /// A rank did something else at the same time.
    #[error("{} is at the {found} while we are at the {expected}", Named(*rank, name))]
    Mismatch {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// What we were doing.
        expected: Operation,
        /// What it was doing.
        found: Operation,
    },
    /// A rank gave another number of values.
    #[error("{} gave {found} values to the all-reduce, we gave {expected}", Named(*rank, name))]
    Length {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// Our number of values.
        expected: usize,
        /// Its number of values.
        found: usize,
    },
    /// A broadcast from a rank that does not exist.
    #[error("cannot broadcast from rank {root}: ranks are 0 to {}", world.saturating_sub(1))]
    NoSuchRank {
        /// The rank that was asked for.
        root: usize,
        /// Number of ranks, at least 1.
        world: usize,
    },
    /// Ranks did not come to the rendezvous.
    #[error("{} did not come within {} s{}", all(ranks), limit.as_secs_f64().round(), after_colon(notes))]
    Missing {
        /// The ranks and their hosts.
        ranks: Vec<(usize, String)>,
        /// How long they were waited for.
        limit: Duration,
        /// What else was seen at the door, or the last error; may be empty.
        notes: String,
    },
    /// A rank runs with something else that must be equal on all ranks.
    #[error("{} has `{found}`, rank 0 has `{expected}`: this must be equal on all ranks", Named(*rank, name))]
    Differs {
        /// The rank.
        rank: usize,
        /// Its host.
        name: String,
        /// What rank 0 has.
        expected: String,
        /// What the rank has.
        found: String,
    },
    /// Rank 0 does not let us in.
    #[error("{} does not let us join: {why}", Named(0, name))]
    Refused {
        /// The host of rank 0.
        name: String,
        /// Its reason.
        why: String,
    },
    /// The way between the ranks' devices does not work.
    #[error("rank {rank} does not reach the devices of the others: {why}")]
    Devices {
        /// Who found it out.
        rank: usize,
        /// What NCCL or the driver says.
        why: String,
    },
    /// We cannot take part: an address, an interface, a port.
    #[error("cannot join the group: {0}")]
    Join(String),
}

/// `rank 3 (algo-4)`, or `rank 3` where there is no name.
pub(crate) struct Named<'a>(pub usize, pub &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(rank, "") => write!(f, "rank {rank}"),
            Self(rank, name) => write!(f, "rank {rank} ({name})"),
        }
    }
}

fn all(ranks: &[(usize, String)]) -> String {
    ranks.iter().map(|(rank, name)| Named(*rank, name).to_string()).collect::<Vec<_>>().join(", ")
}

fn after_colon(notes: &str) -> String {
    if notes.is_empty() { String::new() } else { format!(": {notes}") }
}

/// What ranks do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// `all_reduce_sum`.
    AllReduce {
        /// How values travel.
        wire: Wire,
    },
    /// `broadcast`.
    Broadcast {
        /// Whose bytes.
        root: usize,
    },
    /// `all_gather`.
    AllGather,
    /// `barrier`.
    Barrier,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllReduce { wire: Wire::Float32 } => f.write_str("all-reduce"),
            Self::AllReduce { wire: Wire::Float16 } => f.write_str("all-reduce in float16"),
            Self::Broadcast { root } => write!(f, "broadcast from rank {root}"),
            Self::AllGather => f.write_str("all-gather"),
            Self::Barrier => f.write_str("barrier"),
        }
    }
}

/// Checks the `root` of a broadcast.
pub(crate) fn check_root(root: usize, world: usize) -> Result<(), CollectiveError> {
    if root < world { Ok(()) } else { Err(CollectiveError::NoSuchRank { root, world }) }
}

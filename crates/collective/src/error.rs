//! What goes wrong among ranks.

use std::fmt;

use thiserror::Error;

/// Why ranks could not do something together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CollectiveError {
    /// A rank has ended, or has left the group after an error of its own.
    #[error("rank {rank} is gone: it left before the {operation}")]
    Lost {
        /// The rank.
        rank: usize,
        /// What we were doing.
        operation: Operation,
    },
    /// A rank did something else at the same time.
    #[error("rank {rank} is at the {found} while we are at the {expected}")]
    Mismatch {
        /// The rank.
        rank: usize,
        /// What we were doing.
        expected: Operation,
        /// What it was doing.
        found: Operation,
    },
    /// A rank gave another number of values.
    #[error("rank {rank} gave {found} values to the all-reduce, we gave {expected}")]
    Length {
        /// The rank.
        rank: usize,
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
}

/// What ranks do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `all_reduce_sum`.
    AllReduce,
    /// `broadcast`.
    Broadcast {
        /// Whose bytes.
        root: usize,
    },
    /// `barrier`.
    Barrier,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllReduce => f.write_str("all-reduce"),
            Self::Broadcast { root } => write!(f, "broadcast from rank {root}"),
            Self::Barrier => f.write_str("barrier"),
        }
    }
}

/// Checks the `root` of a broadcast.
pub(crate) fn check_root(root: usize, world: usize) -> Result<(), CollectiveError> {
    if root < world { Ok(()) } else { Err(CollectiveError::NoSuchRank { root, world }) }
}

//! How values travel, and what that has cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number format in which values travel. Sums are always made in f32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wire {
    /// Four bytes a value, nothing is lost.
    #[default]
    Float32,
    /// Two bytes a value, for slow networks. Each of the `world - 1` hops rounds its part of the sum to 11 bits, and
    /// what is beyond 65,504 becomes infinite: scale the values for it. Ranks of one process round nothing.
    Float16,
}

impl Wire {
    /// Bytes of a value.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }
}

/// What a rank's operations have cost since it joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that we sent over the network, headers of operations among them, heartbeats not.
    pub bytes_sent: u64,
    /// Time spent inside operations; waiting for slower ranks is in it.
    pub time: Duration,
}

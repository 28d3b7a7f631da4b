//! What ranks tell each other beside the data.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Operation, Wire};

/// What every connection starts with; strangers do not. The last byte is the version of this protocol.
pub const MAGIC: [u8; 8] = *b"brazier\x01";

/// A message of a control connection. The first two kinds open a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To rank 0: let me in.
    Join(Hello),
    /// To the right neighbour: this connection is for data.
    Link { token: u64, rank: usize },
    /// From rank 0: no, and why.
    Refused(String),
    /// From rank 0: all are here.
    Welcome(Welcome),
    /// Both ways, again and again: I live, and this is where I am.
    Beat(Position),
    /// To rank 0: the data connection with this rank broke.
    Suspect { of: usize, why: String },
    /// Both ways: the group is broken.
    Verdict(Cause),
    /// Both ways: I need nobody any more, and nobody needs me after this many operations.
    Leave { after: u64 },
}

/// A rank introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub rank: usize,
    pub world: usize,
    pub host: String,
    pub fingerprint: String,
    /// Where it waits for its left neighbour's data.
    pub port: u16,
}

/// All that a rank needs to find its right neighbour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Tells this group from any other.
    pub token: u64,
    pub names: Vec<String>,
    /// By rank. No address: the same as that of rank 0, on whose host it is.
    pub places: Vec<(Option<IpAddr>, u16)>,
}

/// Where a rank is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Operations begun.
    pub sequence: u64,
    /// Whether the last one still runs.
    pub inside: bool,
    /// Whether it waits for data from the left.
    pub hungry: bool,
    /// Bytes given to the system for the right.
    pub sent: u64,
    /// Bytes got from the left.
    pub received: u64,
}

/// An operation as its rank began it; every data stream opens with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub sequence: u64,
    pub operation: Operation,
    /// Values to sum; 0 for other operations.
    pub values: u64,
}

/// Why the group is broken. The first cause that rank 0 hears of is everyone's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    Gone { rank: usize, why: String },
    Aborted { rank: usize, reason: String },
    Behind { rank: usize, operation: u64, waited: Duration },
    Disagree { first: (usize, Call), second: (usize, Call) },
    Missing { ranks: Vec<(usize, String)>, limit: Duration, notes: String },
    Differs { rank: usize, name: String, expected: String, found: String },
}

impl Call {
    pub const BYTES: usize = 24;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let (code, root) = match self.operation {
            Operation::AllReduce { wire: Wire::Float32 } => (0u32, 0),
            Operation::AllReduce { wire: Wire::Float16 } => (1, 0),
            Operation::Broadcast { root } => (2, root),
            Operation::AllGather => (3, 0),
            Operation::Barrier => (4, 0),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.values.to_le_bytes());
        bytes[16..20].copy_from_slice(&code.to_le_bytes());
        bytes[20..].copy_from_slice(&(root as u32).to_le_bytes());
        bytes
    }

    /// `None` if this is no operation of ours.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let operation = match (word(16), word(20)) {
            (0, 0) => Operation::AllReduce { wire: Wire::Float32 },
            (1, 0) => Operation::AllReduce { wire: Wire::Float16 },
            (2, root) => Operation::Broadcast { root: root as usize },
            (3, 0) => Operation::AllGather,
            (4, 0) => Operation::Barrier,
            _ => return None,
        };
        Some(Self { sequence: long(0), operation, values: long(8) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_the_wire() {
        let wires = [Wire::Float32, Wire::Float16].map(|wire| Operation::AllReduce { wire });
        let others = [Operation::Broadcast { root: 70_000 }, Operation::AllGather, Operation::Barrier];
        for operation in wires.into_iter().chain(others) {
            let call = Call { sequence: u64::MAX - 1, operation, values: 1 << 40 };
            assert_eq!(Call::from_bytes(&call.to_bytes()), Some(call));
        }
        assert_eq!(Call::from_bytes(&[9; Call::BYTES]), None);
    }
}

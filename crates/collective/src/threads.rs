//! The ranks of one process.
//!
//! Every rank has a channel to every other, and every operation is one exchange: each rank sends one message
//! to all, then takes one from each in the order of ranks. So each rank hears directly from each other rank, and
//! a channel whose far end was dropped tells which one is gone; nothing needs a clock.

use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::error::check_root;
use crate::{Collective, CollectiveError, Operation, Traffic, Wire};

/// One rank of several in this process; give each to a thread of its own.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    world: usize,
    /// By rank; `None` at our own place.
    peers: Vec<Option<Peer>>,
    /// The error that broke the group, once there is one.
    broken: Option<CollectiveError>,
    /// Time spent in operations.
    time: Duration,
}

#[derive(Debug)]
struct Peer {
    to: Sender<Arc<Message>>,
    from: Receiver<Arc<Message>>,
}

#[derive(Debug)]
struct Message {
    operation: Operation,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    Values(Vec<f32>),
    Bytes(Vec<u8>),
    Nothing,
    /// The sender's error; nothing follows.
    Abort(String),
}

impl Threads {
    /// The ends of a group of `world` ranks, in the order of ranks.
    pub fn connect(world: usize) -> Vec<Self> {
        let no_peers = || iter::repeat_with(|| None).take(world).collect();
        let alone = |rank| Self { rank, world, peers: no_peers(), broken: None, time: Duration::ZERO };
        let mut ranks: Vec<Self> = (0..world).map(alone).collect();
        for low in 0..world {
            for high in low + 1..world {
                let (up, from_low) = channel();
                let (down, from_high) = channel();
                ranks[low].peers[high] = Some(Peer { to: up, from: from_high });
                ranks[high].peers[low] = Some(Peer { to: down, from: from_low });
            }
        }
        ranks
    }

    /// Sends one message to all ranks and takes one from each; ours is among them, at our place.
    fn exchange(
        &mut self,
        operation: Operation,
        payload: Payload,
    ) -> Result<Vec<Arc<Message>>, CollectiveError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let clock = Instant::now();
        let ours = Arc::new(Message { operation, payload });
        for peer in self.peers.iter().flatten() {
            // A rank that is gone shows below, where its last message may still be waiting.
            let _ = peer.to.send(Arc::clone(&ours));
        }
        let receive = |(rank, peer): (usize, &Option<Peer>)| match peer {
            None => Ok(Arc::clone(&ours)),
            Some(peer) => peer.from.recv().map_err(|_| lost(rank, operation)),
        };
        let messages: Result<Vec<_>, _> = self.peers.iter().enumerate().map(receive).collect();
        let messages = messages.and_then(|messages| agree(messages, &ours));
        self.time += clock.elapsed();
        messages.inspect_err(|error| self.leave(error))
    }

    /// Drops our ends, which tells the others.
    fn leave(&mut self, error: &CollectiveError) {
        self.broken = Some(error.clone());
        self.peers.clear();
    }
}

fn lost(rank: usize, operation: Operation) -> CollectiveError {
    CollectiveError::Lost { rank, name: String::new(), why: format!("it left before the {operation}") }
}

/// Checks that all ranks are at the same operation, with as much to sum.
fn agree(messages: Vec<Arc<Message>>, ours: &Message) -> Result<Vec<Arc<Message>>, CollectiveError> {
    for (rank, message) in messages.iter().enumerate() {
        let name = String::new();
        if let Payload::Abort(reason) = &message.payload {
            return Err(CollectiveError::Aborted { rank, name, reason: reason.clone() });
        }
        let (expected, found) = (ours.operation, message.operation);
        if found != expected {
            return Err(CollectiveError::Mismatch { rank, name, expected, found });
        }
        let (expected, found) = (ours.payload.values().len(), message.payload.values().len());
        if found != expected {
            return Err(CollectiveError::Length { rank, name, expected, found });
        }
    }
    Ok(messages)
}

impl Payload {
    fn values(&self) -> &[f32] {
        if let Self::Values(values) = self { values } else { &[] }
    }

    fn bytes(&self) -> &[u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    /// Sums in the order of ranks on every rank: floats do not add up the same in another order. No value travels,
    /// so none is rounded.
    fn all_reduce_sum(&mut self, values: &mut [f32], wire: Wire) -> Result<(), CollectiveError> {
        let messages = self.exchange(Operation::AllReduce { wire }, Payload::Values(values.to_vec()))?;
        for (rank, message) in messages.iter().enumerate() {
            let theirs = message.payload.values();
            if rank == 0 {
                values.copy_from_slice(theirs);
            } else {
                values.iter_mut().zip(theirs).for_each(|(sum, value)| *sum += value);
            }
        }
        Ok(())
    }

    fn broadcast(&mut self, root: usize, bytes: &mut Vec<u8>) -> Result<(), CollectiveError> {
        check_root(root, self.world).inspect_err(|error| self.leave(error))?;
        let payload = if self.rank == root { Payload::Bytes(bytes.clone()) } else { Payload::Nothing };
        let messages = self.exchange(Operation::Broadcast { root }, payload)?;
        if self.rank != root {
            *bytes = messages[root].payload.bytes().to_vec();
        }
        Ok(())
    }

    fn all_gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, CollectiveError> {
        let messages = self.exchange(Operation::AllGather, Payload::Bytes(bytes))?;
        Ok(messages.iter().map(|message| message.payload.bytes().to_vec()).collect())
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.exchange(Operation::Barrier, Payload::Nothing).map(|_| ())
    }

    fn abort(&mut self, reason: &str) {
        if self.broken.is_some() {
            return;
        }
        let payload = Payload::Abort(reason.to_owned());
        let message = Arc::new(Message { operation: Operation::Barrier, payload });
        for peer in self.peers.iter().flatten() {
            let _ = peer.to.send(Arc::clone(&message));
        }
        let (rank, name) = (self.rank, String::new());
        self.leave(&CollectiveError::Aborted { rank, name, reason: reason.to_owned() });
    }

    fn spent(&self) -> Traffic {
        Traffic { bytes_sent: 0, time: self.time }
    }
}

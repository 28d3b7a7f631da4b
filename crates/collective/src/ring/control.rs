//! What the operations and the watch of one rank share.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::channel::Channel;
use super::group::Limits;
use super::message::{Call, Cause};
use super::progress::Progress;
use super::state::State;
use crate::CollectiveError;

/// Our place in the group beside the data.
#[derive(Debug)]
pub struct Control {
    pub rank: usize,
    pub names: Vec<String>,
    pub limits: Limits,
    pub progress: Progress,
    state: Mutex<State>,
    /// A verdict has come.
    pronounced: Condvar,
    /// Wakes the watch.
    wake: UnixStream,
}

impl Control {
    /// Channels are by rank: at rank 0 those of all others, elsewhere that of rank 0.
    pub fn new(
        (rank, names, limits): (usize, Vec<String>, Limits),
        channels: Vec<Option<Channel>>,
        wake: UnixStream,
    ) -> Self {
        let state = Mutex::new(State::new(rank, channels));
        Self { rank, names, limits, progress: Progress::default(), state, pronounced: Condvar::new(), wake }
    }

    /// Number of ranks.
    pub fn world(&self) -> usize {
        self.names.len()
    }

    /// The name of a rank, empty where it has none.
    pub fn name(&self, rank: usize) -> String {
        self.names.get(rank).cloned().unwrap_or_default()
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state; who waits for a verdict learns of one.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        if state.verdict().is_some() {
            self.pronounced.notify_all();
        }
        result
    }

    /// Closes these data connections once the group is broken, so that whoever waits for data wakes up.
    pub fn guard(&self, data: Vec<TcpStream>) {
        self.update(|state| state.guard(data));
    }

    /// Why the group is broken, if it is.
    pub fn verdict(&self) -> Option<Cause> {
        self.lock().verdict().cloned()
    }

    /// Breaks the group for a cause that we know of ourselves.
    pub fn pronounce(&self, cause: Cause) {
        self.update(|state| state.pronounce(cause, None));
    }

    /// Our data connection with a rank broke. Somebody else's death may be the cause: returns the group's.
    pub fn suspect(&self, of: usize, why: &str) -> Cause {
        self.update(|state| state.suspect(self.rank, of, why));
        // Rank 0 answers, or its own silence is the answer: the limit is for what cannot happen.
        let limit = self.limits.silence.saturating_mul(2).saturating_add(Duration::from_secs(5));
        let (state, _) = self
            .pronounced
            .wait_timeout_while(self.lock(), limit, |state| state.verdict().is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.verdict().cloned().unwrap_or_else(|| Cause::Gone { rank: of, why: why.to_owned() })
    }

    /// Says goodbye, in order after so many operations, and gives the others a moment to hear it.
    pub fn leave(&self, in_order_after: Option<u64>) {
        self.update(|state| state.leave(in_order_after, &self.limits));
        // A full pipe wakes as well.
        let _ = (&self.wake).write(&[1]);
    }

    /// The cause as it looks from this rank, which is at `ours`.
    pub fn error(&self, cause: Cause, ours: Option<Call>) -> CollectiveError {
        match cause {
            Cause::Gone { rank, why } => CollectiveError::Lost { rank, name: self.name(rank), why },
            Cause::Aborted { rank, reason } => {
                CollectiveError::Aborted { rank, name: self.name(rank), reason }
            }
            Cause::Behind { rank, operation, waited } => {
                CollectiveError::Behind { rank, name: self.name(rank), operation, waited }
            }
            Cause::Disagree { first, second } => {
                let of_us = |(rank, call): (usize, Call)| rank == self.rank || Some(call) == ours;
                let (other, witness) = if of_us(first) { (second, first) } else { (first, second) };
                self.differ(ours.unwrap_or(witness.1), other)
            }
            Cause::Missing { ranks, limit, notes } => CollectiveError::Missing { ranks, limit, notes },
            Cause::Differs { rank, name, expected, found } => {
                CollectiveError::Differs { rank, name, expected, found }
            }
        }
    }

    /// A rank is at another operation than we are.
    fn differ(&self, ours: Call, (rank, theirs): (usize, Call)) -> CollectiveError {
        let name = self.name(rank);
        if ours.operation != theirs.operation {
            let (expected, found) = (ours.operation, theirs.operation);
            return CollectiveError::Mismatch { rank, name, expected, found };
        }
        if ours.values != theirs.values {
            let (expected, found) = (ours.values as usize, theirs.values as usize);
            return CollectiveError::Length { rank, name, expected, found };
        }
        let why = format!("it is at operation {}, we are at {}", theirs.sequence, ours.sequence);
        CollectiveError::Lost { rank, name, why }
    }
}

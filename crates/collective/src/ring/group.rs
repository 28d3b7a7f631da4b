//! What a rank must know to join.

use std::time::Duration;

use crate::CollectiveError;

/// A group as one of its ranks sees it before anyone has spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Our number, from 0 to `world - 1`.
    pub rank: usize,
    /// Number of ranks.
    pub world: usize,
    /// Our own name, for messages.
    pub host: String,
    /// The name of each rank, for messages about those that never came; may be empty.
    pub names: Vec<String>,
    /// `name:port` of rank 0, which listens there; an IPv6 address stands in brackets.
    pub master: String,
    /// The address or network interface to use. An interface must be one of [`interfaces`](super::interfaces).
    /// `None`: whichever leads to the others.
    pub interface: Option<String>,
    /// What must be equal on all ranks, in words that make sense in an error message.
    pub fingerprint: String,
    /// How long to wait for what.
    pub limits: Limits,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all ranks to appear.
    pub rendezvous: Duration,
    /// Without a sign of life before a rank counts as gone. A rank that ends is noticed at once, without this.
    pub silence: Duration,
    /// For a rank that lives but does not come to an operation where others wait.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self { rendezvous: minutes(5), silence: Duration::from_secs(10), stall: minutes(30) }
    }
}

impl Limits {
    /// Between two signs of life.
    pub(super) fn beat(&self) -> Duration {
        (self.silence / 10).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// After which silence is pronounced: what is left of `silence` is for the news to travel.
    pub(super) fn silent(&self) -> Duration {
        self.silence.mul_f64(0.9)
    }

    /// How long a broken connection waits for its cause: the first cause may travel another way.
    pub(super) fn grace(&self) -> Duration {
        (self.silence / 4).min(Duration::from_secs(2))
    }

    /// How long a rank that leaves waits until the others have heard it.
    pub(super) fn farewell(&self) -> Duration {
        (self.silence / 4).min(Duration::from_secs(1))
    }
}

impl Group {
    /// The name of a rank, empty where it is not known.
    pub(super) fn name(&self, rank: usize) -> String {
        if rank == self.rank { self.host.clone() } else { self.names.get(rank).cloned().unwrap_or_default() }
    }

    pub(super) fn check(&self) -> Result<(), CollectiveError> {
        let Self { rank, world, .. } = self;
        if rank >= world {
            return Err(CollectiveError::Join(format!(
                "we are rank {rank}, but there are {world} ranks, from 0"
            )));
        }
        if self.limits.silence.is_zero() {
            return Err(CollectiveError::Join("the limit of silence is 0 s, it must be longer".to_owned()));
        }
        Ok(())
    }
}

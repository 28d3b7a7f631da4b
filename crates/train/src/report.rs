//! What happens in a run, and who tells it to whom.

mod log;
mod table;

use std::path::Path;
use std::time::Duration;

pub use log::{Log, PROGRESS};
pub use table::Table;

use serde::{Deserialize, Serialize};

use crate::checkpoint::exact;
use crate::seen::Seen;

/// Something worth telling.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An epoch begins.
    EpochStarted {
        /// 0-based.
        epoch: usize,
        /// Epochs of the job.
        epochs: usize,
        /// Steps of the epoch.
        steps: usize,
    },
    /// A step is done.
    Stepped {
        /// 0-based.
        epoch: usize,
        /// 0-based, in the epoch.
        step: usize,
        /// Steps of the epoch.
        steps: usize,
        /// Since the epoch's start.
        seen: Seen,
        /// Since the epoch's start.
        time: Duration,
    },
    /// The training part of an epoch is done.
    Trained(&'a Trained),
    /// The validation channel was evaluated.
    Validated(&'a Validation),
    /// The epoch is strictly better than all before; its weights are stored next.
    Best {
        /// Validation accuracy.
        accuracy: f64,
    },
    /// The run goes on from a checkpoint.
    Resumed {
        /// Its file.
        path: &'a Path,
        /// 0-based.
        epoch: usize,
        /// Steps of the epoch that are done.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
    },
    /// The state of the run is on disk.
    Checkpoint {
        /// Its file.
        path: &'a Path,
    },
    /// Weights are on disk.
    Saved {
        /// Their file.
        path: &'a Path,
    },
    /// Validation accuracy no longer grows; the run ends.
    EarlyStop {
        /// The last epoch, 0-based.
        epoch: usize,
    },
    /// How well the classes of the validation channel are told apart, by the weights that stay.
    Classes {
        /// For people.
        lines: &'a [String],
    },
    /// Something the user may want to know of the data.
    Warning {
        /// A sentence.
        text: &'a str,
    },
    /// Nothing more will happen.
    Ended,
}

/// The training part of an epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Trained {
    /// 0-based.
    pub epoch: usize,
    /// Over the epoch.
    pub seen: Seen,
    /// How long it took.
    pub time: Duration,
    /// Learning rate of its last step.
    #[serde(with = "exact")]
    pub rate: f64,
    /// The part of `time` spent waiting for data.
    pub waited: Duration,
    /// The part of `time` spent with other ranks, of which there may be none.
    pub exchanged: Duration,
}

/// What the validation channel said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Validation {
    /// 0-based.
    pub epoch: usize,
    /// Over the whole channel.
    pub seen: Seen,
    /// Mean over the classes of the harmonic mean of precision and recall.
    #[serde(with = "exact")]
    pub macro_f1: f64,
    /// How long it took.
    pub time: Duration,
}

impl Trained {
    /// Share of the time spent waiting for data, in percent.
    pub fn data_wait(&self) -> f64 {
        percent(self.waited, self.time)
    }

    /// What the time went into, in percent, and what most of it went into; nothing of a single rank.
    pub fn shares(&self) -> Option<String> {
        if self.exchanged.is_zero() {
            return None;
        }
        let (data, exchange) = (self.data_wait(), percent(self.exchanged, self.time));
        let parts = [("compute", 100.0 - data - exchange), ("communication", exchange), ("data", data)];
        let most = parts.iter().max_by(|(_, one), (_, other)| one.total_cmp(other))?.0;
        let parts = parts.map(|(name, part)| format!("{name} {part:.1}%")).join(", ");
        Some(format!("{parts}; the bottleneck is {most}"))
    }
}

/// A part of a time in percent; 0 of no time.
pub fn percent(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() * 100.0 }
}

/// Takes the events of a run as they happen.
pub trait Report {
    /// Something happened.
    fn event(&mut self, event: &Event);

    /// Whether anybody hears it.
    fn is_heard(&self) -> bool {
        true
    }
}

/// Tells nobody: of several ranks one is enough for a person.
pub struct Silent;

impl Report for Silent {
    fn event(&mut self, _event: &Event) {}

    fn is_heard(&self) -> bool {
        false
    }
}

/// Samples in a second; 0 in no time.
pub(crate) fn speed(seen: Seen, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { seen.samples as f64 / time.as_secs_f64() }
}

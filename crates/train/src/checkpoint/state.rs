//! The small part of a checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brazier_data::steps_per_epoch;
use serde::{Deserialize, Serialize};

use super::exact;
use crate::Job;
use crate::early_stop::Watch;
use crate::loss_scale::LossScale;
use crate::optimizer::Rule;
use crate::run::Outcome;
use crate::seen::Seen;
use crate::store::Kept;
use crate::summary;

/// More epochs than any job has.
const MOST_EPOCHS: usize = 1_000_000;

/// Where a run stands and what it has counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// What must be the same for a run to go on, by name.
    pub identity: BTreeMap<String, String>,
    /// Ranks that shared a step.
    pub ranks: usize,
    /// Images of a step over all ranks, as the job was asked.
    pub batch: usize,
    /// As they are: after a change of ranks those that the run began with.
    pub step_images: usize,
    /// What the job was asked, as text by name.
    pub hyperparameters: BTreeMap<String, String>,
    /// The next step.
    pub position: Position,
    /// Updates of the weights.
    pub updates: i32,
    /// Updates of their average, if there is one.
    pub average_updates: u32,
    /// What the loss is multiplied by.
    pub loss_scale: LossScale,
    /// What early stopping has seen.
    pub watch: Option<Watch>,
    /// What the run has come to.
    pub outcome: Outcome,
    /// What the report shows.
    pub summary: summary::Past,
    /// The artifact's weights so far.
    pub weights: Vec<Kept>,
    /// The artifact's `brazier.json`, if there are weights.
    pub metadata: Option<String>,
}

/// A place in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// 0-based.
    pub epoch: usize,
    /// Steps done in the epoch.
    pub step: usize,
    /// What they saw.
    pub seen: Seen,
    /// The time they took.
    pub time: Duration,
    /// The part of it spent waiting for data.
    pub waited: Duration,
    /// The part of it spent with other ranks.
    pub exchanged: Duration,
    /// Learning rate of the last of them.
    #[serde(with = "exact")]
    pub rate: f64,
}

/// What must be the same for a run to go on: the network, what the optimizer remembers, and which samples a step takes.
pub fn identity(job: &Job) -> BTreeMap<String, String> {
    let optimizer = match job.optimizer {
        Rule::Sgd { .. } => "sgd",
        Rule::Nag { .. } => "nag",
        Rule::Adam { .. } => "adam",
        Rule::RmsProp { .. } => "rmsprop",
    };
    let layout = &job.layout;
    let rows = [
        ("network", layout.name()),
        ("image_shape", job.shape.map(|extent| extent.to_string()).join(",")),
        ("num_classes", layout.classes.to_string()),
        ("class names", class_names(job)),
        ("output", format!("{:?}", layout.output).to_lowercase()),
        ("optimizer", optimizer.to_owned()),
        ("averaged weights", job.ema_decay.is_some().to_string()),
        ("num_training_samples", job.samples_per_epoch.to_string()),
        ("seed", job.seed.to_string()),
        ("shuffle", job.shuffle.to_string()),
    ];
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The names of the classes, or of many a checksum.
fn class_names(job: &Job) -> String {
    let names = job.class_names.as_ref().map_or("unknown".to_owned(), |names| names.join(", "));
    if names.len() > 200 { format!("{:08x}", crc32fast::hash(names.as_bytes())) } else { names }
}

impl State {
    /// In what the run that this is the state of differs from `job` on `ranks` ranks so that it cannot go on; one sentence a
    /// difference. Other ranks take its steps on, of as many images.
    pub fn differences(&self, job: &Job, ranks: usize) -> Vec<String> {
        let identity = identity(job);
        let differs = |(name, ours): (&String, &String)| {
            let theirs = self.identity.get(name).map_or("unknown", String::as_str);
            (theirs != ours).then(|| format!("{name} is {ours}, the checkpoint's is {theirs}"))
        };
        let mut all: Vec<String> = identity.iter().filter_map(differs).collect();
        if self.ranks == ranks && self.batch != job.batch {
            all.push(format!("images a step is {}, the checkpoint's is {}", job.batch, self.batch));
        }
        all
    }

    /// Whether a run of `samples` an epoch and of so many classes can stand so.
    ///
    /// # Errors
    /// What is amiss, in words.
    pub fn check(&self, samples: usize, classes: usize) -> Result<(), String> {
        let Position { epoch, step, time, waited, exchanged, .. } = self.position;
        let longest = Duration::from_secs(1 << 40);
        let times = [time, waited, exchanged, self.outcome.trained_for, self.outcome.waited_for];
        let sound = self.ranks > 0
            && step <= steps_per_epoch(samples, self.step_images)
            && epoch <= MOST_EPOCHS
            && self.updates >= 0
            && self.loss_scale.is_sound()
            && times.iter().all(|time| *time < longest)
            && self.summary.is_of(classes);
        if sound { Ok(()) } else { Err("it tells of a place in the run that cannot be".to_owned()) }
    }

    /// Hyperparameters that are others now, without those that [`State::differences`] tells; the run goes on with the new ones.
    pub fn changes(&self, hyperparameters: &BTreeMap<String, String>) -> Vec<String> {
        let names: BTreeSet<&String> = hyperparameters.keys().chain(self.hyperparameters.keys()).collect();
        let of =
            |all: &BTreeMap<String, String>, name: &String| all.get(name).cloned().unwrap_or("unset".into());
        let changed = |name: &String| {
            let (before, now) = (of(&self.hyperparameters, name), of(hyperparameters, name));
            (before != now).then(|| format!("{name} was {before} and is {now}"))
        };
        names.into_iter().filter_map(changed).collect()
    }
}

//! When a checkpoint is written, and the thread that writes it.

use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use brazier_checkpoint::commit::CommitError;
use brazier_checkpoint::folder::{Folder, FolderError};
use brazier_model::artifact::PARAMS_ENDING;

use super::{Snapshot, State};

/// Checkpoints that are kept: the newest, and one before it, should the newest be damaged.
const KEPT: usize = 2;

/// Part of the time that saving may take.
const SHARE: f64 = 0.01;

/// How often a run is saved between the ends of its epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence {
    /// Never more often.
    pub shortest: Duration,
    /// Never less often.
    pub longest: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Cadence { shortest: Duration::from_secs(60), longest: Duration::from_secs(900) }
    }
}

impl Cadence {
    /// The time between two saves that take `cost` each.
    fn interval(self, cost: Duration) -> Duration {
        cost.div_f64(SHARE).clamp(self.shortest, self.longest.max(self.shortest))
    }
}

/// What became of a save.
pub type Saved = Result<PathBuf, CommitError>;

/// Writes checkpoints to a folder, one at a time, on a thread of its own.
pub struct Saver {
    folder: Folder,
    cadence: Cadence,
    last: Instant,
    /// What the last save took.
    cost: Duration,
    /// A save was asked for while another was going on.
    overdue: bool,
    writing: Option<JoinHandle<(Saved, Duration)>>,
}

impl Saver {
    /// A saver that has just saved.
    pub fn new(folder: Folder, cadence: Cadence) -> Self {
        Saver { folder, cadence, last: Instant::now(), cost: Duration::ZERO, overdue: false, writing: None }
    }

    /// The folder it writes to.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether enough time has passed since the last save, or one was asked for that had to wait.
    pub fn is_due(&self) -> bool {
        let is_late = self.last.elapsed() >= self.cadence.interval(self.cost);
        (self.overdue || is_late) && !self.is_writing()
    }

    /// Whether a save can begin without waiting for another. If not, one is due as soon as it can.
    pub fn is_ready(&mut self) -> bool {
        self.overdue = self.is_writing();
        !self.overdue
    }

    fn is_writing(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| !writing.is_finished())
    }

    /// Begins to write; waits for the save before, if it is still going on, and answers what became of it.
    pub fn save(&mut self, snapshot: Snapshot) -> Option<Saved> {
        let before = self.wait();
        (self.last, self.overdue) = (Instant::now(), false);
        // What cannot be swept now is swept before the next save.
        let _ = self.sweep(&snapshot.state);
        let folder = self.folder.clone();
        let write = move || {
            let clock = Instant::now();
            let (update, state, sections) = snapshot.into_parts();
            let saved = folder.commit(update, &state, &sections);
            (saved, clock.elapsed())
        };
        match Builder::new().name("checkpoint".to_owned()).spawn(write) {
            Ok(writing) => self.writing = Some(writing),
            // No thread to be had: the next save is tried in its turn.
            Err(_) => self.writing = None,
        }
        before
    }

    /// Takes away copies of weights that no checkpoint tells of, neither those that are kept nor the `next`.
    fn sweep(&self, next: &State) -> Result<(), FolderError> {
        let states = self.folder.states::<State>()?;
        let names =
            states.iter().chain([next]).flat_map(|state| &state.weights).map(|kept| kept.file.clone());
        self.folder.sweep(PARAMS_ENDING, &names.collect())
    }

    /// Waits for the save that is going on, if there is one, takes old checkpoints away, and answers what became of it.
    pub fn wait(&mut self) -> Option<Saved> {
        let (saved, cost) = self.writing.take()?.join().ok()?;
        self.cost = cost;
        if saved.is_ok() {
            // What could not be removed is tried again after the next save.
            let _ = self.folder.retain(KEPT, false);
        }
        Some(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_costs_a_hundredth_of_the_time_within_bounds() {
        let cadence = Cadence { shortest: Duration::from_secs(10), longest: Duration::from_secs(100) };
        let seconds = |cost: f64| cadence.interval(Duration::from_secs_f64(cost)).as_secs_f64();
        assert_eq!([0.0, 0.05, 0.5, 5.0].map(seconds), [10.0, 10.0, 50.0, 100.0]);
    }
}

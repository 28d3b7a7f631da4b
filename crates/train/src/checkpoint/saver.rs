//! When a checkpoint is written, and the thread that writes it.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
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
    /// A save is going on, as far as is known.
    writing: bool,
    /// What became of the last save, if nobody was told yet.
    untold: Option<Saved>,
    snapshots: Sender<Snapshot>,
    results: Receiver<(Saved, Duration)>,
}

impl Saver {
    /// A saver that has just saved.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub fn new(folder: Folder, cadence: Cadence) -> io::Result<Self> {
        let (snapshots, received) = channel();
        let (send, results) = channel();
        let to = folder.clone();
        // It ends when the saver goes.
        Builder::new().name("checkpoint".to_owned()).spawn(move || {
            for snapshot in received {
                let clock = Instant::now();
                let saved = write(&to, snapshot);
                if send.send((saved, clock.elapsed())).is_err() {
                    return;
                }
            }
        })?;
        let (last, cost) = (Instant::now(), Duration::ZERO);
        let (overdue, writing, untold) = (false, false, None);
        Ok(Saver { folder, cadence, last, cost, overdue, writing, untold, snapshots, results })
    }

    /// Whether enough time has passed since the last save, or one was asked for that had to wait.
    pub fn is_due(&mut self) -> bool {
        let is_late = self.last.elapsed() >= self.cadence.interval(self.cost);
        (self.overdue || is_late) && !self.is_writing()
    }

    /// Whether a save can begin without waiting for another. If not, one is due as soon as it can.
    pub fn is_ready(&mut self) -> bool {
        self.overdue = self.is_writing();
        !self.overdue
    }

    fn is_writing(&mut self) -> bool {
        if self.writing
            && let Ok(result) = self.results.try_recv()
        {
            self.take(result);
        }
        self.writing
    }

    fn take(&mut self, (saved, cost): (Saved, Duration)) {
        (self.writing, self.cost, self.untold) = (false, cost, Some(saved));
    }

    /// Begins to write; waits for the save before, if it is still going on, and answers what became of it.
    pub fn save(&mut self, snapshot: Snapshot) -> Option<Saved> {
        let before = self.wait();
        // What cannot be swept now is swept before the next save.
        let _ = self.sweep(&snapshot.state);
        (self.last, self.overdue) = (Instant::now(), false);
        // Without its thread, which nothing ends, nothing would be written and nothing waited for.
        self.writing = self.snapshots.send(snapshot).is_ok();
        before
    }

    /// Takes away copies of weights that no checkpoint tells of, neither those that are kept nor the `next`.
    fn sweep(&self, next: &State) -> Result<(), FolderError> {
        let states = self.folder.states::<State>()?;
        let names =
            states.iter().chain([next]).flat_map(|state| &state.weights).map(|kept| kept.file.clone());
        self.folder.sweep(PARAMS_ENDING, &names.collect())
    }

    /// Waits for the save that is going on, if there is one, and answers what became of the last, once.
    pub fn wait(&mut self) -> Option<Saved> {
        if self.writing
            && let Ok(result) = self.results.recv()
        {
            self.take(result);
        }
        self.writing = false;
        self.untold.take()
    }
}

fn write(folder: &Folder, snapshot: Snapshot) -> Saved {
    let (update, state, sections) = snapshot.into_parts();
    let path = folder.commit(update, &state, &sections)?;
    // What could not be removed is tried again after the next save.
    let _ = folder.retain(KEPT, false);
    Ok(path)
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

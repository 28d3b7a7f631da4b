//! When a checkpoint is written, and the thread that writes it.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use brazier_checkpoint::folder::Folder;

use super::{Position, Snapshot};
use crate::store::{COPY, Kept};

/// Checkpoints that are kept: the newest, and one before it, should the newest be damaged.
const KEPT: usize = 2;

/// A checkpoint and the copies of weights that it tells of.
type Line = Vec<(PathBuf, Vec<String>)>;

/// A panic in the thread, of which the log tells.
const GONE: &str = "the thread that writes checkpoints is gone";

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

/// What became of a save: the file, or why there is none.
pub type Saved = Result<PathBuf, String>;

/// Writes checkpoints to a folder, one at a time, on a thread of its own.
pub struct Saver {
    folder: Folder,
    cadence: Cadence,
    /// The newest checkpoints of this run, oldest first, and the next one.
    line: Line,
    /// Where the run stood at the newest of them.
    position: Option<Position>,
    /// A checkpoint that the user named, which stays.
    pinned: Option<PathBuf>,
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
    /// A saver of a run that goes on from `resumed`, or begins anew. `pinned` is never taken away.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub fn new(
        folder: Folder,
        cadence: Cadence,
        resumed: Option<(PathBuf, Vec<String>)>,
        pinned: Option<PathBuf>,
    ) -> io::Result<Self> {
        let (snapshots, received) = channel::<Snapshot>();
        let (send, results) = channel();
        let to = folder.clone();
        // It ends when the saver goes.
        Builder::new().name("checkpoint".to_owned()).spawn(move || {
            for snapshot in received {
                let clock = Instant::now();
                let Snapshot { update, state, parts } = snapshot;
                let saved = to.commit(update, &state, parts).map_err(|error| error.to_string());
                if send.send((saved, clock.elapsed())).is_err() {
                    return;
                }
            }
        })?;
        let (last, cost) = (Instant::now(), Duration::ZERO);
        let (overdue, writing, untold) = (false, false, None);
        let (line, position) = (resumed.into_iter().collect(), None);
        Ok(Saver {
            folder,
            cadence,
            line,
            position,
            pinned,
            last,
            cost,
            overdue,
            writing,
            untold,
            snapshots,
            results,
        })
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
        if self.writing {
            match self.results.try_recv() {
                Err(TryRecvError::Empty) => {}
                result => self.take(result.map_err(drop)),
            }
        }
        self.writing
    }

    /// Takes a result in. After a save the checkpoints before the last two go, and any that are not this run's.
    fn take(&mut self, result: Result<(Saved, Duration), ()>) {
        let (saved, cost) = result.unwrap_or_else(|()| (Err(GONE.to_owned()), self.cost));
        (self.writing, self.cost) = (false, cost);
        match &saved {
            Ok(_) => {
                self.line.drain(..self.line.len().saturating_sub(KEPT));
                self.retain(false);
            }
            // What was to be written is not there.
            Err(_) => {
                self.line.pop();
                self.position = None;
            }
        }
        self.untold = Some(saved);
    }

    /// Takes away checkpoints that are not this run's line, when it is done also those that are being uploaded.
    pub fn retain(&self, last: bool) {
        let kept: Vec<PathBuf> =
            self.line.iter().map(|(path, _)| path).chain(&self.pinned).cloned().collect();
        // What cannot be removed is tried again after the next save.
        let _ = self.folder.retain(&kept, last);
    }

    /// Takes away copies of weights that nothing in the line tells of. Only when the next checkpoint is in it: new weights are copied
    /// before the checkpoint that tells of them.
    fn sweep(&self) {
        // A checkpoint that the user named has its weights beside it.
        if self.pinned.is_none() {
            let names = self.line.iter().flat_map(|(_, names)| names).cloned().collect();
            let _ = self.folder.sweep(COPY, &names);
        }
    }

    /// Begins to write; waits for the save before, if it is still going on, and answers what became of it.
    pub fn save(&mut self, snapshot: Snapshot) -> Option<Saved> {
        let before = self.wait();
        (self.last, self.overdue) = (Instant::now(), false);
        let path = self.folder.path_of(snapshot.update);
        self.line.retain(|(written, _)| *written != path);
        self.position = Some(snapshot.state.position);
        self.line.push((path, snapshot.state.weights.iter().map(Kept::copy).collect()));
        self.sweep();
        self.writing = true;
        if self.snapshots.send(snapshot).is_err() {
            self.take(Err(()));
        }
        before
    }

    /// Whether the newest checkpoint is of a run that stood at `position` and kept `copies`.
    pub fn ends_with(&self, position: Position, copies: &[String]) -> bool {
        self.position == Some(position) && self.line.last().is_some_and(|(_, kept)| kept == copies)
    }

    /// Waits for the save that is going on, if there is one, and answers what became of the last, once.
    pub fn wait(&mut self) -> Option<Saved> {
        if self.writing {
            let result = self.results.recv();
            self.take(result.map_err(drop));
        }
        self.untold.take()
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

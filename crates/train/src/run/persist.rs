//! A run's state to its checkpoint folder, and back.

use std::path::{Path, PathBuf};

use brazier_checkpoint::folder::{Folder, Newest};
use brazier_checkpoint::state;

use super::Run;
use crate::TrainError;
use crate::checkpoint::saver::Saved;
use crate::checkpoint::state::identity;
use crate::checkpoint::tensors::Bytes;
use crate::checkpoint::{Saver, Snapshot, State};
use crate::loss_scale::LossScale;
use crate::report::Event;

/// A checkpoint's file, what is small in it, and its sections.
type Found = (PathBuf, State, Bytes);

/// The checkpoint in `file`.
fn named(file: &Path) -> Result<Found, TrainError> {
    let refused = |reason| TrainError::Checkpoint { reason };
    let (state, sections) = state::read::<State>(file).map_err(|error| refused(error.to_string()))?;
    has_weights(&state, beside(file)).map_err(|reason| refused(format!("{}: {reason}", file.display())))?;
    Ok((file.to_owned(), state, sections))
}

/// Where copies of the artifact's weights lie.
fn beside(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// Whether the weights that a checkpoint tells of lie in `folder`, whole.
fn has_weights(state: &State, folder: &Path) -> Result<(), String> {
    state.weights.iter().try_for_each(|kept| kept.read(folder).map(drop))
}

impl Run<'_> {
    /// Goes on from the newest whole checkpoint of the job's folder, if the job has one.
    ///
    /// # Errors
    /// A folder that cannot be written; a checkpoint of another job.
    pub(super) fn resume(&mut self) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.job.checkpoints else { return Ok(()) };
        let folder = Folder::open(&checkpoints.folder)?;
        let found = match &checkpoints.from {
            _ if checkpoints.fresh => None,
            Some(file) => Some(named(file)?),
            None => self.newest(&folder)?,
        };
        if let Some((path, state, sections)) = found {
            let differences = state.differences(&identity(self.job, self.share.world));
            if !differences.is_empty() {
                return Err(TrainError::OtherRun { path, differences: differences.join("; ") });
            }
            self.restore(state, sections, &path)?;
            let (epoch, step) = (self.position.epoch, self.position.step);
            self.report.event(&Event::Resumed { path: &path, epoch, step, steps: self.steps });
        }
        if self.share.rank == 0 {
            let saver = Saver::new(folder, checkpoints.cadence).map_err(|error| TrainError::Checkpoint {
                reason: format!("no thread to save the state: {error}"),
            })?;
            self.saver = Some(saver);
        }
        Ok(())
    }

    /// The newest whole checkpoint of the folder. Those that are passed over are told.
    fn newest(&mut self, folder: &Folder) -> Result<Option<Found>, TrainError> {
        let Newest { found, passed_over } =
            folder.newest::<State>(|state| has_weights(state, folder.path()))?;
        for error in passed_over {
            self.report.event(&Event::Warning { text: &format!("a checkpoint is passed over: {error}") });
        }
        Ok(found)
    }

    fn restore(&mut self, mut state: State, mut sections: Bytes, file: &Path) -> Result<(), TrainError> {
        for change in state.changes(&self.job.hyperparameters) {
            self.report
                .event(&Event::Warning { text: &format!("{change}: the run goes on with the new value") });
        }
        self.trainer.resume(&state, &mut sections, &file.display().to_string())?;
        state.summary.set_pictures(&sections, self.job.shape);
        self.summary.set_past(state.summary);
        self.position = state.position;
        self.watch = self.watch.take().map(|watch| state.watch.unwrap_or(watch));
        self.outcome = state.outcome;
        // It did not stop: it goes on.
        self.outcome.stopped = false;
        if let Some(store) = &mut self.store {
            store.resume(&state.weights, state.metadata.as_deref(), beside(file))?;
            self.outcome.weights = store.weights().map(ToOwned::to_owned);
        }
        Ok(())
    }

    /// Saves the state if enough time has passed since it was saved last.
    pub(super) fn save_if_due(&mut self) {
        if self.saver.as_mut().is_some_and(Saver::is_due) {
            self.save_state();
        }
    }

    /// Begins to save the state at the end of an epoch, or soon after if a save is going on.
    pub(super) fn save_epoch(&mut self) {
        if self.saver.as_mut().is_some_and(Saver::is_ready) {
            self.save_state();
        }
    }

    /// Begins to save the state. What became of the save before is told: training goes on without.
    fn save_state(&mut self) {
        let snapshot = self.snapshot();
        let before = self.saver.as_mut().and_then(|saver| saver.save(snapshot));
        self.tell_saved(before);
    }

    /// Saves the state where the run stands and waits until it is on the disk.
    ///
    /// # Errors
    /// A state that cannot be saved: what was trained since the last save would be lost.
    pub(super) fn finish_saving(&mut self) -> Result<(), TrainError> {
        if self.saver.is_none() {
            return Ok(());
        }
        self.save_state();
        let saved = self.saver.as_mut().and_then(Saver::wait);
        match saved {
            Some(Err(error)) if self.outcome.stopped => Err(error.into()),
            saved => {
                self.tell_saved(saved);
                Ok(())
            }
        }
    }

    fn tell_saved(&mut self, saved: Option<Saved>) {
        match saved {
            None => {}
            Some(Ok(path)) => self.report.event(&Event::Checkpoint { path: &path }),
            Some(Err(error)) => {
                let text = format!("the state of the run is not saved: {error}");
                self.report.event(&Event::Warning { text: &text });
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let (weights, metadata) = self.store.as_ref().map(|store| store.kept()).unwrap_or_default();
        let mut state = State {
            identity: identity(self.job, self.share.world),
            hyperparameters: self.job.hyperparameters.clone(),
            position: self.position,
            updates: 0,
            average_updates: 0,
            loss_scale: LossScale::none(),
            watch: self.watch.clone(),
            outcome: self.outcome.clone(),
            summary: self.summary.past().clone(),
            weights: weights.to_vec(),
            metadata: metadata.map(str::to_owned),
        };
        let mut tensors = Vec::new();
        self.trainer.collect(&mut state, &mut tensors);
        let bytes = state.summary.pictures().collect();
        let update = (self.position.epoch * self.steps + self.position.step) as u64;
        Snapshot { update, state, tensors, bytes }
    }
}

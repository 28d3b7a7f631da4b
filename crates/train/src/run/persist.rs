//! A run's state to its checkpoint folder, and back.

use std::fs;
use std::path::{Path, PathBuf};

use brazier_checkpoint::folder::{Folder, Newest};
use brazier_checkpoint::state;
use brazier_data::Share;
use brazier_model::artifact;

use super::{Run, steps_of};
use crate::TrainError;
use crate::checkpoint::saver::Saved;
use crate::checkpoint::state::identity;
use crate::checkpoint::tensors::{Bytes, Part};
use crate::checkpoint::{Saver, Snapshot, State};
use crate::loss_scale::LossScale;
use crate::report::Event;
use crate::store::{Kept, Store};

/// A checkpoint's file, what is small in it, and its sections.
type Found = (PathBuf, State, Bytes);

/// Where copies of the artifact's weights lie.
fn beside(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Run<'_> {
    /// Goes on from the newest whole checkpoint of the job's folder, or the one that was named, if the job keeps checkpoints; then makes the
    /// artifact's folder ready, which a refusal leaves as it was.
    ///
    /// # Errors
    /// A folder that cannot be written; a checkpoint of another job, or a named one that is damaged.
    pub(super) fn begin(&mut self) -> Result<(), TrainError> {
        if self.share.rank > 0 {
            return self.follow();
        }
        let Some(checkpoints) = &self.job.checkpoints else {
            self.store = Some(Store::new(self.job)?);
            self.lead(None)?;
            return self.trainer.begin_alike();
        };
        let folder = Folder::open(&checkpoints.folder)?;
        let found = match &checkpoints.from {
            _ if checkpoints.fresh => None,
            Some(file) => Some(self.named(file)?),
            None => self.newest(&folder)?,
        };
        self.store = Some(Store::new(self.job)?);
        self.lead(found.as_ref().map(|(path, ..)| path.as_path()))?;
        let mut resumed = None;
        if let Some((path, state, sections)) = found {
            let copies: Vec<String> = state.weights.iter().map(Kept::copy).collect();
            self.restore(state, sections, &path)?;
            let (epoch, step) = (self.position.epoch, self.position.step);
            self.report.event(&Event::Resumed { path: &path, epoch, step, steps: self.steps });
            resumed = Some((path, copies));
        } else {
            self.trainer.begin_alike()?;
        }
        let saver = Saver::new(folder, checkpoints.cadence, resumed, checkpoints.from.clone());
        let refused =
            |error| TrainError::Checkpoint { reason: format!("no thread to save the state: {error}") };
        self.saver = Some(saver.map_err(refused)?);
        Ok(())
    }

    /// Gives the checkpoint to the other ranks: each host has a folder of its own, and not every one the newest.
    fn lead(&mut self, file: Option<&Path>) -> Result<(), TrainError> {
        if self.share.world == 1 {
            return Ok(());
        }
        let refused = |path: &Path, error| TrainError::Checkpoint {
            reason: format!("{}: cannot read the checkpoint: {error}", path.display()),
        };
        let read = |path: &Path| fs::read(path).map_err(|error| refused(path, error));
        let mut bytes = file.map(read).transpose()?.unwrap_or_default();
        Ok(self.trainer.collective().broadcast(0, &mut bytes)?)
    }

    /// Goes on from what the first rank found, or begins as it does.
    fn follow(&mut self) -> Result<(), TrainError> {
        let mut bytes = Vec::new();
        self.trainer.collective().broadcast(0, &mut bytes)?;
        if bytes.is_empty() {
            return self.trainer.begin_alike();
        }
        let file = Path::new("the checkpoint of rank 0");
        let refused = |error: state::StateError| TrainError::Checkpoint { reason: error.to_string() };
        let (state, sections) =
            state::read_from(bytes.as_slice(), bytes.len() as u64, file).map_err(refused)?;
        self.restore(state, sections, file)?;
        let (epoch, step) = (self.position.epoch, self.position.step);
        self.report.event(&Event::Resumed { path: file, epoch, step, steps: self.steps });
        Ok(())
    }

    /// Takes steps of as many images as the run had that it goes on from.
    fn keep_steps(&mut self, state: &State) -> Result<(), TrainError> {
        let Share { rank, world, step, .. } = self.share;
        if state.step_images == step {
            return Ok(());
        }
        self.share = Share::new(rank, world, state.step_images);
        self.steps = steps_of(self.job, self.share)?;
        self.schedule.updates_per_epoch = self.steps;
        let text = format!(
            "the checkpoint is of {} rank(s), this run has {world}: its steps of {} images stay, instead of {step}",
            state.ranks, state.step_images
        );
        self.report.event(&Event::Warning { text: &text });
        Ok(())
    }

    /// Whether a state can be gone on from: it is sound, and the weights it tells of lie in `folder`, whole.
    fn accepts(&self, state: &State, folder: &Path) -> Result<(), String> {
        state.check(self.job.samples_per_epoch, self.job.layout.classes)?;
        state.weights.iter().try_for_each(|kept| kept.read(folder).map(drop))
    }

    /// Refuses the state of another job.
    fn compare(&self, state: &State, path: &Path) -> Result<(), TrainError> {
        let differences = state.differences(self.job, self.share.world);
        match differences.is_empty() {
            true => Ok(()),
            false => Err(TrainError::OtherRun { path: path.to_owned(), differences: differences.join("; ") }),
        }
    }

    /// The checkpoint in `file`.
    fn named(&self, file: &Path) -> Result<Found, TrainError> {
        let refused = |reason| TrainError::NamedCheckpoint { reason };
        let (state, sections) = state::read::<State>(file).map_err(|error| refused(error.to_string()))?;
        self.compare(&state, file)?;
        let accepted = self.accepts(&state, beside(file));
        accepted.map_err(|reason| refused(format!("{}: {reason}", file.display())))?;
        Ok((file.to_owned(), state, sections))
    }

    /// The newest whole checkpoint of the folder. Those that are passed over are told.
    fn newest(&mut self, folder: &Folder) -> Result<Option<Found>, TrainError> {
        // Another job's is refused, not passed over: its counts are sound for that job.
        let accepts = |state: &State| match self.compare(state, folder.path()) {
            Ok(()) => self.accepts(state, folder.path()),
            Err(_) => Ok(()),
        };
        let Newest { found, passed_over } = folder.newest::<State>(accepts)?;
        for error in passed_over {
            self.report.event(&Event::Warning { text: &format!("a checkpoint is passed over: {error}") });
        }
        if let Some((path, state, _)) = &found {
            self.compare(state, path)?;
        }
        Ok(found)
    }

    fn restore(&mut self, mut state: State, mut sections: Bytes, file: &Path) -> Result<(), TrainError> {
        let mut now = self.job.hyperparameters.clone();
        if state.ranks != self.share.world {
            // The steps stay as they are.
            let before = state.hyperparameters.get("mini_batch_size").cloned();
            now.extend(before.map(|batch| ("mini_batch_size".to_owned(), batch)));
        }
        for change in state.changes(&now) {
            self.report
                .event(&Event::Warning { text: &format!("{change}: the run goes on with the new value") });
        }
        self.keep_steps(&state)?;
        self.trainer.resume(&state, &mut sections, &file.display().to_string())?;
        state.summary.set_pictures(&sections, self.job.shape);
        self.summary.set_past(state.summary);
        self.position = state.position;
        self.outcome = state.outcome;
        // It did not stop: it goes on. Nor did it end early, if the rule is another now.
        self.outcome.stopped = false;
        let same_rule = match (&mut self.watch, &state.watch) {
            (Some(watch), Some(before)) => watch.resume(before),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        self.outcome.ended_early &= same_rule;
        // Of a rule under which they were not kept the best weights may be gone.
        let is_kept =
            |epoch: usize| state.weights.iter().any(|kept| kept.file == artifact::params_file(epoch));
        if self.job.checkpoint_frequency.is_none()
            && !self.outcome.best.is_some_and(|best| is_kept(best.epoch))
        {
            self.outcome.best = None;
        }
        if self.position.epoch >= self.job.epochs && self.position.step > 0 {
            let (epoch, epochs) = (self.position.epoch, self.job.epochs);
            let text = format!(
                "the checkpoint stands in epoch {epoch}, the job has {epochs} epochs: its weights are taken as they are"
            );
            self.report.event(&Event::Warning { text: &text });
        }
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
        let Some(saver) = self.saver.as_mut() else { return Ok(()) };
        let copies: Vec<String> =
            self.store.iter().flat_map(|store| store.kept().0).map(Kept::copy).collect();
        // What is being written may not come to be: only then is it known whether it must be written again.
        let before = saver.wait();
        let is_saved = saver.ends_with(self.position, &copies);
        self.tell_saved(before);
        if !is_saved {
            self.save_state();
        }
        let saved = self.saver.as_mut().and_then(Saver::wait);
        if !self.outcome.stopped {
            // What is being uploaded of older ones is not waited for any more.
            self.saver.iter().for_each(|saver| saver.retain(true));
        }
        match saved {
            Some(Err(reason)) if self.outcome.stopped => {
                Err(TrainError::Checkpoint { reason: format!("the state of the run is not saved: {reason}") })
            }
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
            Some(Err(reason)) => {
                let text = format!("the state of the run is not saved: {reason}");
                self.report.event(&Event::Warning { text: &text });
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let (weights, metadata) = self.store.as_ref().map(|store| store.kept()).unwrap_or_default();
        let mut state = State {
            identity: identity(self.job),
            ranks: self.share.world,
            batch: self.job.batch,
            step_images: self.share.step,
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
        let mut parts = Vec::new();
        self.trainer.collect(&mut state, &mut parts);
        parts.extend(state.summary.pictures().map(|(name, bytes)| Part::of_bytes(name, bytes)));
        let update = (self.position.epoch * self.steps + self.position.step) as u64;
        Snapshot { update, state, parts }
    }
}

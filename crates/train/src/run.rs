//! The loop, read downward.

mod persist;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brazier_collective::Collective;
use brazier_data::{DataError, Loader, Share, TrainPlan, steps_per_epoch};
use brazier_model::parameters::is_finite;
use brazier_model::{ResNet, initial};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Position, Saver, exact};
use crate::early_stop::Watch;
use crate::evaluate::evaluate;
use crate::report::{Event, Report, Trained, Validation};
use crate::schedule::Schedule;
use crate::step::{Trainer, Turn};
use crate::store::Store;
use crate::summary::Summary;
use crate::upload::Uploader;
use crate::{Job, TrainError};

/// The channels of a run.
pub struct Channels<'a> {
    /// What is learned from.
    pub train: &'a Loader,
    /// What decides which epoch is best. Without it the last epoch's weights stay.
    pub validation: Option<&'a Loader>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whole epochs trained.
    pub epochs: usize,
    /// The best epoch by validation.
    pub best: Option<Best>,
    /// Early stopping ended it.
    pub ended_early: bool,
    /// The weights' file.
    pub weights: Option<PathBuf>,
    /// Ended before the last epoch because it was told to.
    pub stopped: bool,
    /// Time spent in training steps.
    pub trained_for: Duration,
    /// The part of it spent waiting for data.
    pub waited_for: Duration,
}

/// The epoch whose validation accuracy is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Share of right answers.
    #[serde(with = "exact")]
    pub accuracy: f64,
    /// 0-based.
    pub epoch: usize,
}

/// Trains `job` and leaves its artifact in the job's folder. Ends early, with the best weights so far on disk, when
/// `stop` becomes true.
///
/// # Errors
/// Bad samples, files that cannot be written, a rank that is gone. What was stored before stays.
pub fn run(
    job: &Job,
    channels: &Channels,
    collective: &mut dyn Collective,
    report: &mut dyn Report,
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let mut run = Run::new(job, channels, collective, report, stop)?;
    run.begin()?;
    while run.position.epoch < job.epochs && !run.outcome.ended_early {
        let epoch = run.position.epoch;
        let Some(trained) = run.train(epoch)? else { break };
        let Some(validated) = run.validate(&trained)? else { break };
        run.store(epoch, trained, validated)?;
        run.outcome.ended_early = run.ends_early(epoch, validated);
        run.position = Position { epoch: epoch + 1, ..Position::default() };
        run.save_epoch();
    }
    run.finish()
}

/// A run between its epochs.
struct Run<'a> {
    job: &'a Job,
    channels: &'a Channels<'a>,
    trainer: Trainer<'a>,
    uploader: Uploader,
    report: &'a mut dyn Report,
    stop: &'a AtomicBool,
    share: Share,
    /// Steps of an epoch.
    steps: usize,
    schedule: Schedule,
    /// The next step.
    position: Position,
    /// On the first rank.
    store: Option<Store<'a>>,
    /// On the first rank of a job that keeps checkpoints.
    saver: Option<Saver>,
    watch: Option<Watch>,
    summary: Summary<'a>,
    outcome: Outcome,
}

/// Steps of an epoch.
///
/// # Errors
/// Fewer samples than a step takes; fewer images in a step than ranks; ranks that would not meet in their batch norms.
fn steps_of(job: &Job, share: Share) -> Result<usize, TrainError> {
    let (samples, batch, ranks) = (job.samples_per_epoch, share.step, share.world);
    if batch < ranks {
        return Err(TrainError::TooManyRanks { batch, ranks });
    }
    let (parts, least) = (job.gradient_accumulation, batch / ranks);
    // A part is an image or more.
    if job.sync_batch_norm && parts > least && !batch.is_multiple_of(ranks) {
        return Err(TrainError::UnevenParts { parts, batch, least, ranks });
    }
    match steps_per_epoch(samples, batch) {
        0 => Err(TrainError::TooFewSamples { samples, batch, ranks }),
        steps => Ok(steps),
    }
}

/// What the validation channel said, if there is one, and whether the epoch is strictly the best.
#[derive(Clone, Copy)]
struct Validated {
    accuracy: Option<f64>,
    macro_f1: Option<f64>,
    best: bool,
}

impl<'a> Run<'a> {
    fn new(
        job: &'a Job,
        channels: &'a Channels<'a>,
        collective: &'a mut dyn Collective,
        report: &'a mut dyn Report,
        stop: &'a AtomicBool,
    ) -> Result<Self, TrainError> {
        let share = Share::new(collective.rank(), collective.world(), job.batch);
        let steps = steps_of(job, share)?;
        let device = job.device.clone().autodiff();
        let network = job.initial.clone().unwrap_or_else(|| {
            initial::initialise(ResNet::new(&job.layout, &device), &job.layout.head, job.seed)
        });
        Ok(Run {
            job,
            channels,
            uploader: Uploader::new(device)?,
            trainer: Trainer::new(job, network, collective),
            report,
            stop,
            share,
            steps,
            schedule: job.schedule.clone(),
            position: Position::default(),
            saver: None,
            store: None,
            watch: job.early_stopping.map(Watch::new),
            summary: Summary::new(job),
            outcome: Outcome::default(),
        })
    }

    /// Trains one epoch, from where the run stands in it; `None` when told to stop before its end.
    fn train(&mut self, epoch: usize) -> Result<Option<Trained>, TrainError> {
        let (steps, share, before) = (self.steps, self.share, self.position);
        let (seed, shuffle) = (self.job.seed, self.job.shuffle);
        let plan = TrainPlan { seed, epoch: epoch as u64, steps, start_step: before.step, share, shuffle };
        self.report.event(&Event::EpochStarted { epoch, epochs: self.job.epochs, steps });
        self.summary.forget();
        let (clock, exchanged_before) = (Instant::now(), self.trainer.exchanged());
        let batches = self.channels.train.train_epoch(&self.job.transform, plan)?;
        let mut batches = self.uploader.begin(batches);
        for step in before.step..steps {
            let Some(batch) = batches.next() else { break };
            let stop = self.stop.load(Ordering::Relaxed);
            let batch = match batch {
                // Told to stop while the data was not there: the step in hand cannot be done.
                Err(DataError::Stopped) => None,
                batch => Some(batch?),
            };
            let update = epoch * steps + step + 1;
            let rate = self.schedule.rate(update);
            let part = share.images as f64 / share.step as f64;
            // A save counts on it that all is read: it comes after such a step.
            let read = step.is_multiple_of(self.job.pace.read_every) || step + 1 == steps;
            let word = self.trainer.step(batch, Turn { share: part, update, rate, stop, read })?;
            if let Some(text) = self.trainer.news() {
                self.report.event(&Event::Warning { text: &text });
            }
            self.position.seen.add(word.seen);
            if word.void {
                self.outcome.stopped = true;
                return Ok(None);
            }
            let (seen, stop) = (self.position.seen, word.stop);
            let (time, waited) = (before.time + clock.elapsed(), before.waited + batches.waited());
            let exchanged = before.exchanged + self.trainer.exchanged() - exchanged_before;
            self.position = Position { epoch, step: step + 1, seen, time, waited, exchanged, rate };
            self.report.event(&Event::Stepped { epoch, step, steps, seen, time });
            if stop {
                self.outcome.stopped = true;
                return Ok(None);
            }
            if read {
                self.save_if_due();
            }
        }
        let Position { seen, time, waited, exchanged, rate, .. } = self.position;
        let trained = Trained { epoch, seen, time, rate, waited, exchanged };
        self.report.event(&Event::Trained(&trained));
        self.tell_news(self.channels.train);
        Ok(Some(trained))
    }

    /// Evaluates the validation channel; `None` when told to stop before its end.
    fn validate(&mut self, trained: &Trained) -> Result<Option<Validated>, TrainError> {
        let epoch = trained.epoch;
        let Some(loader) = self.channels.validation else {
            self.count(trained);
            return Ok(Some(Validated { accuracy: None, macro_f1: None, best: false }));
        };
        let clock = Instant::now();
        let network = self.trainer.network_to_judge()?;
        let found = evaluate(&network, self.job, loader, self.trainer.collective(), self.stop)?;
        let Some((seen, tally)) = found else {
            self.outcome.stopped = true;
            return Ok(None);
        };
        let validation = Validation { epoch, seen, macro_f1: tally.mean_quality().f1, time: clock.elapsed() };
        self.report.event(&Event::Validated(&validation));
        self.tell_news(loader);
        self.count(trained);
        self.summary.validated(&validation, tally);
        let accuracy = seen.accuracy();
        // Weights that are no numbers any more may still be right by chance; the last good ones stay.
        let best = seen.loss.is_finite() && self.outcome.best.is_none_or(|best| accuracy > best.accuracy);
        if best {
            self.outcome.best = Some(Best { accuracy, epoch });
        }
        Ok(Some(Validated { accuracy: Some(accuracy), macro_f1: Some(validation.macro_f1), best }))
    }

    /// The epoch is done. Not before it is judged: a run that is stopped meanwhile goes on with judging it.
    fn count(&mut self, trained: &Trained) {
        self.outcome.epochs = trained.epoch + 1;
        self.outcome.trained_for += trained.time;
        self.outcome.waited_for += trained.waited;
        self.summary.trained(trained);
    }

    /// Tells of the damaged samples that a channel left out since it was last asked.
    fn tell_news(&mut self, loader: &Loader) {
        // The ranks of a host share its channels, and what is told once is not told again.
        if !self.report.is_heard() {
            return;
        }
        if let Some(text) = loader.news() {
            self.report.event(&Event::Warning { text: &text });
        }
    }

    /// Keeps the epoch's weights if the job's rule says so: every so many epochs, or the best, or without a
    /// validation channel the last.
    fn store(&mut self, epoch: usize, trained: Trained, validated: Validated) -> Result<(), TrainError> {
        let mut metrics = BTreeMap::from([("train:accuracy".to_owned(), trained.seen.accuracy())]);
        metrics.extend(validated.accuracy.map(|accuracy| ("validation:accuracy".to_owned(), accuracy)));
        metrics.extend(validated.macro_f1.map(|f1| ("validation:macro_f1".to_owned(), f1)));
        let every = self.job.checkpoint_frequency;
        let keep = match (every, validated.accuracy) {
            (Some(every), _) => (epoch + 1).is_multiple_of(every),
            (None, Some(accuracy)) if validated.best => {
                self.report.event(&Event::Best { accuracy });
                true
            }
            (None, accuracy) => accuracy.is_none(),
        };
        let keep = keep && self.are_worth_keeping();
        let Some(store) = self.store.as_mut() else { return Ok(()) };
        if keep {
            let path = match every {
                Some(_) => store.add(&self.trainer.network(), epoch, metrics)?,
                None => store.replace(&self.trainer.network(), epoch, metrics)?,
            };
            self.report.event(&Event::Saved { path: &path });
            self.outcome.weights = Some(path);
            self.summary.keep(epoch);
        }
        self.write_summary();
        Ok(())
    }

    /// A report that cannot be written is no reason to lose the model.
    fn write_summary(&mut self) {
        if let Err(error) = self.summary.write() {
            self.report.event(&Event::Warning { text: &format!("the report is not up to date: {error}") });
        }
    }

    /// Whether the weights are numbers, or there are no others: readers take the newest file.
    fn are_worth_keeping(&self) -> bool {
        let has_others = self.store.as_ref().is_some_and(Store::has_weights);
        !has_others || is_finite(&self.trainer.network(), &self.job.layout.head)
    }

    /// Whether the early-stopping rule ends the run after this epoch.
    fn ends_early(&mut self, epoch: usize, validated: Validated) -> bool {
        let (Some(watch), Some(accuracy)) = (self.watch.as_mut(), validated.accuracy) else { return false };
        let ends = watch.ends_with(accuracy);
        if ends {
            self.report.event(&Event::EarlyStop { epoch });
        }
        ends
    }

    /// Stores the weights as they are if they would be lost otherwise: stopped before anything was stored, or a
    /// frequency that the last epoch does not meet.
    fn finish(mut self) -> Result<Outcome, TrainError> {
        // The weights of a stop are for the endpoint alone: a run that goes on leaves what an uncut one leaves.
        let stopped = self.outcome.stopped;
        let saved = if stopped { self.finish_saving() } else { Ok(()) };
        let epoch = self.outcome.epochs.saturating_sub(1);
        let by_frequency = self.job.checkpoint_frequency.is_some();
        let worth = self.are_worth_keeping();
        let is_lost =
            |store: &Store| worth && (!store.has_weights() || by_frequency && !store.ends_with(epoch));
        if let Some(store) = self.store.as_mut().filter(|store| is_lost(store)) {
            let path = store.add(&self.trainer.network(), epoch, BTreeMap::new())?;
            self.report.event(&Event::Saved { path: &path });
            self.outcome.weights = Some(path);
            self.summary.keep(epoch);
        }
        if !stopped {
            self.finish_saving()?;
        }
        if self.store.is_some() {
            self.write_summary();
            self.report.event(&Event::Classes { lines: &self.summary.lines() });
        }
        self.report.event(&Event::Ended);
        // The model is stored all the same.
        saved?;
        // Nobody leaves before the model is there: the first container that ends may end the whole job.
        if self.share.world > 1 {
            self.trainer.collective().barrier()?;
        }
        Ok(self.outcome)
    }
}

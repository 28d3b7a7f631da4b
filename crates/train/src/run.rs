//! The loop, read downward.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brazier_collective::Collective;
use brazier_data::{Loader, Share, TrainPlan, steps_per_epoch};
use brazier_model::{ResNet, initial};

use crate::early_stop::Watch;
use crate::evaluate::evaluate;
use crate::report::{Event, Report, Trained};
use crate::seen::Seen;
use crate::step::Trainer;
use crate::store::Store;
use crate::{Job, TrainError};

/// The channels of a run.
pub struct Channels<'a> {
    /// What is learned from.
    pub train: &'a Loader,
    /// What decides which epoch is best. Without it the last epoch's weights stay.
    pub validation: Option<&'a Loader>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whole epochs trained.
    pub epochs: usize,
    /// Best validation accuracy and its 0-based epoch.
    pub best: Option<(f64, usize)>,
    /// The weights' file.
    pub weights: Option<PathBuf>,
    /// Ended before the last epoch because it was told to.
    pub stopped: bool,
    /// Share of the training time spent waiting for data.
    pub data_wait_share: f64,
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
    let share = Share { rank: collective.rank(), world: collective.world(), batch_size: job.batch };
    let steps = steps_per_epoch(job.samples_per_epoch, job.batch, share.world);
    if steps == 0 {
        let (samples, ranks) = (job.samples_per_epoch, share.world);
        return Err(TrainError::TooFewSamples { samples, batch: job.batch * ranks, ranks });
    }
    let device = job.device.clone().autodiff();
    let network = initial::initialise(ResNet::new(&job.layout, &device), &job.layout.head, job.seed);
    let mut trainer = Trainer::new(job, network, collective);
    let mut store = (share.rank == 0).then(|| Store::new(job)).transpose()?;
    let mut watch = job.early_stopping.map(Watch::new);
    let mut outcome = Outcome { epochs: 0, best: None, weights: None, stopped: false, data_wait_share: 0.0 };
    let (mut trained_for, mut waited) = (Duration::ZERO, Duration::ZERO);

    for epoch in 0..job.epochs {
        let plan = TrainPlan {
            seed: job.seed,
            epoch: epoch as u64,
            steps,
            start_step: 0,
            share,
            shuffle: job.shuffle,
        };
        let trained = train_epoch(&mut trainer, job, channels.train, plan, report, stop)?;
        let Some((trained, waited_here)) = trained else {
            outcome.stopped = true;
            break;
        };
        trained_for += trained.time;
        waited += waited_here;
        outcome.epochs = epoch + 1;
        report.event(&Event::Trained(&trained));

        let mut metrics = BTreeMap::from([("train:accuracy".to_owned(), trained.seen.accuracy())]);
        let mut keep = job.checkpoint_frequency.is_some_and(|every| (epoch + 1) % every == 0);
        let mut ends = false;
        if let Some(loader) = channels.validation {
            let clock = Instant::now();
            let network = trainer.network().clone();
            let seen = evaluate(&network, job, loader, trainer.collective())?;
            let accuracy = seen.accuracy();
            report.event(&Event::Validated { epoch, seen, time: clock.elapsed() });
            metrics.insert("validation:accuracy".to_owned(), accuracy);
            if outcome.best.is_none_or(|(best, _)| accuracy > best) {
                outcome.best = Some((accuracy, epoch));
                keep |= job.checkpoint_frequency.is_none();
                if job.checkpoint_frequency.is_none() {
                    report.event(&Event::Best { accuracy });
                }
            }
            ends = watch.as_mut().is_some_and(|watch| watch.ends_with(accuracy));
        } else {
            keep |= job.checkpoint_frequency.is_none();
        }
        if let Some(store) = store.as_mut().filter(|_| keep) {
            let path = match job.checkpoint_frequency {
                Some(_) => store.add(trainer.network(), epoch, metrics)?,
                None => store.replace(trainer.network(), epoch, metrics)?,
            };
            report.event(&Event::Saved { path: &path });
            outcome.weights = Some(path);
        }
        if ends {
            report.event(&Event::EarlyStop { epoch });
            break;
        }
    }
    // Stopped before anything was worth storing, or a frequency that no epoch met: the weights as they are.
    if let Some(store) = store.as_mut().filter(|store| !store.has_weights()) {
        let path = store.add(trainer.network(), outcome.epochs.saturating_sub(1), BTreeMap::new())?;
        report.event(&Event::Saved { path: &path });
        outcome.weights = Some(path);
    }
    outcome.data_wait_share = share_of(waited, trained_for);
    Ok(outcome)
}

/// Trains one epoch; `None` when told to stop before its end. Also says how long it waited for data.
fn train_epoch(
    trainer: &mut Trainer,
    job: &Job,
    loader: &Loader,
    plan: TrainPlan,
    report: &mut dyn Report,
    stop: &AtomicBool,
) -> Result<Option<(Trained, Duration)>, TrainError> {
    let epoch = plan.epoch as usize;
    let mut rate = job.schedule.rate(epoch * plan.steps + 1);
    report.event(&Event::EpochStarted { epoch, epochs: job.epochs, steps: plan.steps, rate });
    let clock = Instant::now();
    let mut seen = Seen::default();
    let mut batches = loader.train_epoch(&job.transform, plan)?;
    for (step, batch) in batches.by_ref().enumerate() {
        rate = job.schedule.rate(epoch * plan.steps + step + 1);
        let (step_seen, stopped) = trainer.step(batch?, rate, stop.load(Ordering::Relaxed))?;
        seen.add(step_seen);
        report.event(&Event::Stepped { epoch, step, steps: plan.steps, seen, time: clock.elapsed() });
        if stopped {
            return Ok(None);
        }
    }
    let time = clock.elapsed();
    let waited = batches.waited();
    let data_wait_share = share_of(waited, time);
    Ok(Some((Trained { epoch, seen, time, rate, data_wait_share }, waited)))
}

fn share_of(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

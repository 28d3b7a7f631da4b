//! Accuracy and loss over a channel, every image once.

use std::sync::atomic::{AtomicBool, Ordering};

use brazier_collective::Collective;
use brazier_data::{DataError, Loader, Share};
use brazier_model::ResNet;
use brazier_model::loss::{self, Emphasis};
use burn::module::Module;

use crate::reduce::reduce_seen;
use crate::seen::{Seen, judge};
use crate::step::upload;
use crate::{Job, TrainError};

/// Runs the network, with its moving statistics, over this rank's part of the samples, and sums over the ranks.
/// `None` when some rank was told to stop.
///
/// # Errors
/// A sample that cannot be read; another rank is gone.
pub fn evaluate(
    network: &ResNet,
    job: &Job,
    loader: &Loader,
    collective: &mut dyn Collective,
    stop: &AtomicBool,
) -> Result<Option<Seen>, TrainError> {
    let network = network.valid();
    let share = Share { rank: collective.rank(), world: collective.world(), batch_size: job.batch };
    let mut outcome = (Seen::default(), false);
    for batch in loader.evaluation(&job.preprocess, share)? {
        outcome.1 = stop.load(Ordering::Relaxed);
        if outcome.1 {
            break;
        }
        let batch = match batch {
            Err(DataError::Stopped) => {
                outcome.1 = true;
                break;
            }
            batch => batch?,
        };
        let (pixels, truth) = upload(batch, &job.device);
        let logits = network.forward(pixels);
        let cost = loss::cost(logits.clone(), &truth, &Emphasis::default());
        let mean_loss = cost.into_data().iter::<f64>().sum();
        outcome.0.add(judge(logits, &truth, mean_loss, None));
    }
    if collective.world() > 1 {
        outcome = reduce_seen(outcome, collective)?;
    }
    let (seen, stopped) = outcome;
    Ok((!stopped).then_some(seen))
}

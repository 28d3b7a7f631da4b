//! Accuracy and loss over a channel, every image once.

use brazier_collective::Collective;
use brazier_data::{Loader, Share};
use brazier_model::{ResNet, loss};
use burn::module::Module;

use crate::reduce::reduce_seen;
use crate::seen::{Seen, judge};
use crate::step::upload;
use crate::{Job, TrainError};

/// Runs the network, with its moving statistics, over this rank's part of the samples, and sums over the ranks.
///
/// # Errors
/// A sample that cannot be read; another rank is gone.
pub fn evaluate(
    network: &ResNet,
    job: &Job,
    loader: &Loader,
    collective: &mut dyn Collective,
) -> Result<Seen, TrainError> {
    let network = network.valid();
    let share = Share { rank: collective.rank(), world: collective.world(), batch_size: job.batch };
    let mut total = Seen::default();
    for batch in loader.evaluation(&job.preprocess, share)? {
        let (pixels, labels) = upload(batch?, &job.device);
        let logits = network.forward(pixels);
        let cost = loss::cross_entropy(logits.clone(), labels.clone());
        let mean_loss = cost.into_data().iter::<f64>().sum();
        total.add(judge(logits, labels, mean_loss, None));
    }
    match collective.world() {
        1 => Ok(total),
        _ => Ok(reduce_seen(total, collective)?),
    }
}

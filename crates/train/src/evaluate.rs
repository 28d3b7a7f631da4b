//! Accuracy and loss over a channel, every image once.

use std::sync::atomic::{AtomicBool, Ordering};

use brazier_collective::Collective;
use brazier_data::{DataError, Loader, Share};
use brazier_model::ResNet;
use brazier_model::layout::Output;
use brazier_model::loss::{self, Emphasis};

use crate::memory::failed;
use crate::reduce::{Word, reduce_words};
use crate::seen::{self, Seen, judge};
use crate::step::to_input;
use crate::tally::Tally;
use crate::upload::{Uploaded, upload};
use crate::{Job, TrainError};

/// Runs the network, which has no gradients, over this rank's part of the samples, and sums over the ranks. `None` when some
/// rank was told to stop.
///
/// # Errors
/// A sample that cannot be read; another rank is gone.
pub fn evaluate(
    network: &ResNet,
    job: &Job,
    loader: &Loader,
    collective: &mut dyn Collective,
    stop: &AtomicBool,
) -> Result<Option<(Seen, Tally)>, TrainError> {
    let share = Share::new(collective.rank(), collective.world(), job.batch);
    let mut word = Word::default();
    let mut tally = Tally::new(job.layout.classes, job.layout.output == Output::Softmax);
    let batches = loader.evaluation(&job.preprocess, share)?;
    for batch in batches.take(job.evaluation_batches.unwrap_or(usize::MAX)) {
        word.stop = stop.load(Ordering::Relaxed);
        if word.stop {
            break;
        }
        let batch = match batch {
            Err(DataError::Stopped) => {
                word.stop = true;
                break;
            }
            batch => batch?,
        };
        let (images, classes) = (batch.len(), job.layout.classes);
        let mut padded = batch.clone();
        if job.pace.whole_batches {
            padded.pixels.resize(padded.shape.len() * share.images.max(images), 0);
        }
        let Uploaded { bytes, truth } = upload(padded, &job.device);
        let logits = network.forward(to_input(bytes, job.compute)).slice([0..images, 0..classes]);
        let cost = loss::cost(logits.clone(), &truth, &Emphasis::default());
        let unread = judge(logits.clone(), &truth, cost, None);
        word.seen.add(seen::read(vec![unread]).map_err(|reason| failed(&reason))?);
        let data = logits.try_into_data().map_err(|error| failed(&error.to_string()))?;
        tally.take(&batch, &data.iter::<f32>().collect::<Vec<_>>());
    }
    let Word { seen, stop, .. } = reduce_words(word, collective)?;
    if !stop {
        tally.reduce(job.shape, collective)?;
    }
    Ok((!stop).then_some((seen, tally)))
}

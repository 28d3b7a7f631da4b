//! Pictures of what the network will see, put on one sheet with their classes.
//!
//! [`each`] goes through the loader that training uses, so a preview cannot differ from it; [`Sheet`] is the paper;
//! `font` writes on it.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use brazier_image::{InputShape, TrainTransform};

use crate::{DataError, Dataset, Loader, Share, Target, TrainPlan};

mod font;
mod sheet;

pub use sheet::Sheet;

/// Bytes of a batch that is read at a time, about.
const BATCH_BYTES: usize = 16 << 20;

/// Which samples to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Fixes the order and the augmentation, as in training.
    pub seed: u64,
    /// The training epoch, from 0.
    pub epoch: u64,
    /// Whether the samples come in the epoch's order; off, they come as stored.
    pub shuffle: bool,
    /// How many; no more than the channel has.
    pub count: usize,
}

/// Calls `show` with the number from 0, the pixels (H, W, C) and the classes of each sample, in order.
///
/// # Errors
/// A sample that cannot be read or decoded, and what `show` answers.
pub fn each<E: From<DataError>>(
    dataset: &Arc<Dataset>,
    transform: &TrainTransform,
    look: Look,
    mut show: impl FnMut(usize, &[u8], &[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let count = look.count.min(dataset.source.len());
    let image = transform.shape.len().max(1);
    let batch_size = (BATCH_BYTES / image).clamp(1, count.clamp(1, 64));
    let plan = TrainPlan {
        seed: look.seed,
        epoch: look.epoch,
        steps: count.div_ceil(batch_size),
        start_step: 0,
        share: Share::whole(batch_size),
        shuffle: look.shuffle,
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let loader = Loader::new(Arc::clone(dataset), threads)?.with_target(target(dataset)?);
    let mut left = 0..count;
    for batch in loader.train_epoch(transform, plan)? {
        let batch = batch?;
        // The last batch is filled up with samples beyond the count.
        for ((at, pixels), number) in batch.pixels.chunks_exact(image).enumerate().zip(&mut left) {
            show(number, pixels, &batch.labels.of(at))?;
        }
    }
    Ok(())
}

/// One class for each image, or several if the first image has several labels.
fn target(dataset: &Dataset) -> Result<Target, DataError> {
    let width = if dataset.source.is_empty() { 1 } else { dataset.source.labels(0)?.len() };
    Ok(if width == 1 { Target::ANY_CLASS } else { Target::MultiHot { classes: width } })
}

/// The bytes of an image, (H, W, C), as (C, H, W).
pub fn channels_first(shape: InputShape, pixels: &[u8]) -> Vec<u8> {
    let channels = shape.channels as usize;
    (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels.max(1)).copied()).collect()
}

//! One batch, decoded by all threads of the pool.

use std::sync::atomic::{AtomicBool, Ordering};

use brazier_image::InputShape;
use rayon::prelude::*;

use super::Loader;
use crate::labels::Label;
use crate::{Batch, DataError};

impl Loader {
    /// Decodes the items straight into the batch's buffer with `decode`, which answers `None` for an item that is left
    /// out. `None` when told to stop. Of several errors the first in the batch's order is returned, whichever thread met
    /// it first.
    pub(super) fn batch<T: Sync>(
        &self,
        items: &[T],
        shape: InputShape,
        stop: &AtomicBool,
        decode: impl Fn(&T, &mut [u8]) -> Result<Option<Label>, DataError> + Sync,
    ) -> Option<Result<Batch, DataError>> {
        let mut pixels = vec![0; shape.len().saturating_mul(items.len())];
        let labels: Option<Vec<_>> = self.pool.install(|| {
            pixels
                .par_chunks_mut(shape.len().max(1))
                .zip(items)
                // One by one: images take very different times, and the batch is done with its slowest thread.
                .with_max_len(1)
                .map(|(out, item)| (!stop.load(Ordering::Relaxed)).then(|| decode(item, out)))
                .collect()
        });
        let labels: Result<Vec<Option<Label>>, DataError> = labels?.into_iter().collect();
        Some(labels.map(|labels| self.assembled(pixels, labels, shape)))
    }

    /// The batch of the items that were not left out.
    fn assembled(&self, mut pixels: Vec<u8>, labels: Vec<Option<Label>>, shape: InputShape) -> Batch {
        let image = shape.len();
        let mut kept = 0;
        for (at, _) in labels.iter().enumerate().filter(|(_, label)| label.is_some()) {
            if at != kept {
                pixels.copy_within(at * image..(at + 1) * image, kept * image);
            }
            kept += 1;
        }
        pixels.truncate(kept * image);
        let labels = self.target.batch(labels.into_iter().flatten().collect());
        Batch { pixels, labels, shape }
    }
}

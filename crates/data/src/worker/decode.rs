//! One batch, decoded by all threads of the pool.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use brazier_image::InputShape;
use bytes::BytesMut;

use super::Loader;
use super::work::{Made, caught};
use crate::{Batch, DataError, Target};

/// Bytes of pixels that are worth a task of their own: an image of common size; of tiny ones several.
const PART_BYTES: usize = 32 << 10;

/// What a part's items became, `None` for those that are left out.
type AllMade = Vec<Option<Made>>;

/// What is still to be done to a batch.
type Then = Box<dyn FnOnce(Batch) -> Result<Batch, DataError> + Send>;

/// A batch that the pool is working on.
pub(super) struct Decoding {
    /// One message, once the last part is done, so that nobody wakes for each.
    parts: Receiver<Vec<Part>>,
    shape: InputShape,
    then: Option<Then>,
}

/// Items that lie together in the batch, decoded by one thread.
#[derive(Debug)]
struct Part {
    /// Place of the first in the batch.
    first: usize,
    /// A stretch of the batch's buffer.
    pixels: BytesMut,
    made: Result<AllMade, DataError>,
}

impl Loader {
    /// Lets the pool decode the items straight into a batch's buffer with `decode`, which answers `None` for an item
    /// that is left out. Batches begun one after the other are decoded in that order; a thread that finds nothing left
    /// of one goes on with the next.
    pub(super) fn decode<T: Send + Sync + 'static>(
        &self,
        items: Vec<T>,
        shape: InputShape,
        stop: &Arc<AtomicBool>,
        decode: impl Fn(&T, &mut [u8]) -> Result<Option<Made>, DataError> + Send + Sync + 'static,
    ) -> Decoding {
        let image = shape.len().max(1);
        let share = items.len().div_ceil(self.pool.current_num_threads());
        let part = PART_BYTES.div_ceil(image).min(share).max(1);
        let mut buffer = BytesMut::zeroed(image.saturating_mul(items.len()));
        let (sender, parts) = sync_channel(1);
        let count = items.len().div_ceil(part);
        let shared = Arc::new((decode, Arc::clone(stop), Mutex::new(Vec::with_capacity(count))));
        let (len, mut items) = (items.len(), items.into_iter());
        for first in (0..len).step_by(part) {
            // Each task has its own, so that encoded images go as soon as they are decoded.
            let own: Vec<T> = items.by_ref().take(part).collect();
            let mut pixels = buffer.split_to(image * own.len());
            let (sender, shared) = (sender.clone(), Arc::clone(&shared));
            self.pool.spawn_fifo(move || {
                let (decode, stop, done) = &*shared;
                let made = decode_part(own, &mut pixels, image, stop, decode);
                // Nothing panics while the list is locked.
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push(Part { first, pixels, made });
                if done.len() == count {
                    // Nobody listens once the batch is given up.
                    let _ = sender.send(std::mem::take(&mut *done));
                }
            });
        }
        Decoding { parts, shape, then: None }
    }
}

impl Decoding {
    /// Does `then` to the batch once it is decoded.
    pub(super) fn then(self, then: impl FnOnce(Batch) -> Result<Batch, DataError> + Send + 'static) -> Self {
        Self { then: Some(Box::new(then)), ..self }
    }

    /// Waits for the batch. Of several errors the first in the batch's order is returned, whichever thread met it
    /// first.
    pub(super) fn wait(self, target: Target) -> Result<Batch, DataError> {
        // Without a message there was no item.
        let mut parts = self.parts.recv().unwrap_or_default();
        parts.sort_unstable_by_key(|part| part.first);
        let (mut buffer, mut made) = (BytesMut::new(), Vec::new());
        for part in parts {
            // The stretches lie side by side: nothing is copied, neither here nor below.
            buffer.unsplit(part.pixels);
            made.append(&mut part.made?);
        }
        let mut pixels = Vec::from(buffer);
        close_gaps(&mut pixels, &made, self.shape.len());
        let (labels, origins): (Vec<_>, Vec<_>) =
            made.into_iter().flatten().map(|made| (made.label, made.origin)).unzip();
        let origins = origins.into_iter().flatten().collect();
        let batch = Batch { pixels, labels: target.batch(labels), shape: self.shape, origins };
        match self.then {
            None => Ok(batch),
            Some(then) => then(batch),
        }
    }
}

/// Removes the images that are left out; each is of `image` bytes.
fn close_gaps(pixels: &mut Vec<u8>, made: &[Option<Made>], image: usize) {
    let mut kept = 0;
    for (at, _) in made.iter().enumerate().filter(|(_, made)| made.is_some()) {
        if at != kept {
            pixels.copy_within(at * image..(at + 1) * image, kept * image);
        }
        kept += 1;
    }
    pixels.truncate(kept * image);
}

/// Decodes items to images of `image` bytes, one behind the other, until one fails or `stop` is set.
fn decode_part<T>(
    items: Vec<T>,
    pixels: &mut [u8],
    image: usize,
    stop: &AtomicBool,
    decode: &impl Fn(&T, &mut [u8]) -> Result<Option<Made>, DataError>,
) -> Result<AllMade, DataError> {
    let one = |(item, out): (T, &mut [u8])| {
        if stop.load(Ordering::Relaxed) { Err(DataError::Stopped) } else { decode(&item, out) }
    };
    // A panic that leaves a task would end the process.
    caught(|| items.into_iter().zip(pixels.chunks_exact_mut(image)).map(one).collect())
        .unwrap_or_else(|reason| Err(DataError::Threads { reason }))
}

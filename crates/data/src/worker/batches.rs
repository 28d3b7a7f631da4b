//! The consumer's end: an iterator fed by one producer thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::decode::Decoding;
use super::work::message;
use crate::{Batch, DataError, Target};

/// Batches decoded while the producer begins a further one. With the one in use, four are in memory at most.
const AHEAD: usize = 2;

/// What the producer begins, in order.
type Begun = Result<Decoding, DataError>;

/// The batches of an epoch or an evaluation, made ahead. The first error ends it. Dropping it stops the producer;
/// decoding ends with the images in hand.
#[derive(Debug)]
pub struct Batches {
    /// `None` once the stream has ended.
    receiver: Option<Receiver<Begun>>,
    target: Target,
    producer: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    waited: Duration,
}

impl Batches {
    /// Runs `produce` on a thread of its own, with the flag that asks it to stop and the function that hands over a
    /// batch it has begun: it waits for room, and returns false when nobody listens any more.
    pub(super) fn start(
        target: Target,
        produce: impl FnOnce(&Arc<AtomicBool>, &dyn Fn(Begun) -> bool) + Send + 'static,
    ) -> Result<Self, DataError> {
        let (sender, receiver) = sync_channel(AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let producer = Builder::new()
            .name("batches".to_owned())
            .spawn(move || produce(&asked, &|begun| sender.send(begun).is_ok()))
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        Ok(Self { receiver: Some(receiver), target, producer: Some(producer), stop, waited: Duration::ZERO })
    }

    /// How long the consumer has waited for batches so far: time in which the network stood still.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn next_batch(&mut self) -> Option<Result<Batch, DataError>> {
        loop {
            // The producer is gone: its work is done, or it panicked.
            let Ok(begun) = self.receiver.as_ref()?.recv() else {
                return self.finish().map(|reason| Err(DataError::Threads { reason }));
            };
            let batch = begun.and_then(|decoding| decoding.wait(self.target));
            // A batch of nothing but damaged samples is none.
            if !batch.as_ref().is_ok_and(Batch::is_empty) {
                return Some(batch);
            }
        }
    }

    /// Stops the producer and waits for it; the message of its panic, if it ended in one.
    fn finish(&mut self) -> Option<String> {
        self.stop.store(true, Ordering::Relaxed);
        // Without a receiver a producer that waits for room gives up.
        self.receiver = None;
        let panic = self.producer.take()?.join().err()?;
        Some(message(&*panic))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = Instant::now();
        let batch = self.next_batch();
        self.waited += start.elapsed();
        if let Some(Err(_)) = batch {
            self.finish();
        }
        batch
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.finish();
    }
}

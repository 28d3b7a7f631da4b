//! The consumer's end: an iterator fed by one producer thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::decode::Decoding;
use super::work::message;
use crate::{Batch, DataError, Target};

/// Batches decoded while the producer begins a further one. With the one in use, four are in memory at most.
const AHEAD: usize = 2;

/// What the producer begins, in order.
type Begun = Result<Decoding, DataError>;

/// The batches of an epoch or an evaluation, made ahead. The first error ends it. Dropping it stops the producer, unless
/// other ranks still listen to it; decoding ends with the images in hand.
#[derive(Debug)]
pub struct Batches {
    /// `None` once the stream has ended.
    receiver: Option<Receiver<Begun>>,
    target: Target,
    producer: Option<Arc<Producer>>,
    waited: Duration,
}

/// The thread that makes batches, for one rank or for several; it ends with the last of them.
#[derive(Debug)]
struct Producer {
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Batches {
    /// Runs `produce` on a thread of its own, with the flag that asks it to stop and the function that hands over a
    /// batch it has begun: it waits for room, and returns false when nobody listens any more.
    pub(super) fn start(
        target: Target,
        produce: impl FnOnce(&Arc<AtomicBool>, &dyn Fn(Begun) -> bool) + Send + 'static,
    ) -> Result<Self, DataError> {
        let one = Self::start_for(1, target, move |stop, send| produce(stop, &|begun| send(0, begun)))?;
        let gone = || DataError::Threads { reason: "a producer without a consumer".to_owned() };
        one.into_iter().next().ok_or_else(gone)
    }

    /// The same for several ranks, each with batches of its own: the function takes the number of the rank.
    pub(super) fn start_for(
        ranks: usize,
        target: Target,
        produce: impl FnOnce(&Arc<AtomicBool>, &dyn Fn(usize, Begun) -> bool) + Send + 'static,
    ) -> Result<Vec<Self>, DataError> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..ranks).map(|_| sync_channel(AHEAD)).unzip();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let work = move || {
            let listens = vec![Cell::new(true); senders.len()];
            produce(&asked, &|rank, begun| {
                listens[rank].set(listens[rank].get() && senders[rank].send(begun).is_ok());
                listens.iter().any(Cell::get)
            });
        };
        let thread = Builder::new()
            .name("batches".to_owned())
            .spawn(work)
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        let producer = Arc::new(Producer { stop, thread: Mutex::new(Some(thread)) });
        let batches = |receiver| {
            let (receiver, producer) = (Some(receiver), Some(Arc::clone(&producer)));
            Self { receiver, target, producer, waited: Duration::ZERO }
        };
        Ok(receivers.into_iter().map(batches).collect())
    }

    /// How long the consumer has waited for batches so far: time in which the network stood still.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn next_batch(&mut self) -> Option<Result<Batch, DataError>> {
        loop {
            // The producer is gone: its work is done, or it panicked.
            let Ok(begun) = self.receiver.as_ref()?.recv() else {
                let panic = self.producer.as_ref().and_then(|producer| producer.panic());
                self.leave();
                return panic.map(|reason| Err(DataError::Threads { reason }));
            };
            let batch = begun.and_then(|decoding| decoding.wait(self.target));
            // A batch of nothing but damaged samples is none.
            if !batch.as_ref().is_ok_and(Batch::is_empty) {
                return Some(batch);
            }
        }
    }

    fn leave(&mut self) {
        // Without a receiver a producer that waits for room gives up.
        self.receiver = None;
        self.producer = None;
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = Instant::now();
        let batch = self.next_batch();
        self.waited += start.elapsed();
        if let Some(Err(_)) = batch {
            self.leave();
        }
        batch
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Producer {
    /// Waits for its end; the message of its panic, if it ended in one, for the first who asks. Other ranks may still wait for
    /// batches that are being decoded: nothing is asked to stop.
    fn panic(&self) -> Option<String> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let panic = thread?.join().err()?;
        Some(message(&*panic))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.panic();
    }
}

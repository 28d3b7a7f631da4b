//! The threads that turn encoded images into pixels.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use brazier_image::Limits;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::body::Received;
use crate::engine::panic_text;
use crate::{RequestError, ServeError, Signature, memory};

/// The largest image decoded, in bytes, as elsewhere, unless there is less memory.
const MOST: u64 = 512 << 20;

/// Images of less than this take no part of the memory for decoding: a photograph of a telephone, say.
const SMALL: u64 = 16 << 20;

/// A part of the memory for decoding, in bytes.
const UNIT: u64 = 1 << 20;

/// What decoding a pixel may take, in bytes: three coefficients of two bytes of a progressive JPEG beside its result, or a pixel
/// of 16 bits a channel and the same in 8.
const BYTES_A_PIXEL: u64 = 12;

/// One thread a core, apart from those that serve connections and from those that compute; and what large images may
/// take of the machine's memory together, a quarter.
#[derive(Debug)]
pub(crate) struct Decoders {
    threads: ThreadPool,
    /// A permit for each [`UNIT`].
    memory: Arc<Semaphore>,
    units: u32,
}

/// An image as the network takes it, and what that took.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// H x W x C bytes.
    pub pixels: Vec<u8>,
    /// Until there were memory and a thread.
    pub waited: Duration,
    /// Decoding and resizing.
    pub took: Duration,
}

impl Decoders {
    /// Decoders on a machine with `memory` bytes.
    pub(crate) fn new(memory: u64) -> Result<Self, ServeError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let pool = ThreadPoolBuilder::new().num_threads(cores).thread_name(|at| format!("decode-{at}"));
        let threads = pool.build().map_err(|error| ServeError::Decoders(error.to_string()))?;
        let units = (memory / 4 / UNIT).clamp(SMALL / UNIT, 1 << 20) as u32;
        Ok(Decoders { threads, memory: Arc::new(Semaphore::new(units as usize)), units })
    }

    /// Decoders for what the machine has.
    pub(crate) fn for_this_machine() -> Result<Self, ServeError> {
        Self::new(memory::available())
    }

    /// Prepares `encoded` as `signature` says, a small one on this very thread: to wake another takes longer. Dropping
    /// the future takes the image out of the queue; a decoder that has begun cannot be stopped.
    pub(crate) async fn decode(
        &self,
        encoded: Received,
        signature: Arc<Signature>,
    ) -> Result<Decoded, RequestError> {
        let asked = Instant::now();
        let limits = self.limits();
        if signature.is_quick(&encoded.bytes) {
            let pixels = caught(&encoded, &signature, &limits)?;
            return Ok(Decoded { pixels, waited: Duration::ZERO, took: asked.elapsed() });
        }
        let room = self.room(&encoded.bytes).await?;
        let (reply, answer) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            if reply.is_closed() {
                return;
            }
            let begun = Instant::now();
            let pixels = caught(&encoded, &signature, &limits);
            drop(room);
            let _ = reply.send((pixels, begun - asked, begun.elapsed()));
        });
        match answer.await {
            Ok((pixels, waited, took)) => Ok(Decoded { pixels: pixels?, waited, took }),
            Err(_) => Err(RequestError::Decoder("the decoder has ended".into())),
        }
    }

    /// What one image may cost.
    fn limits(&self) -> Limits {
        let max_allocation = MOST.min(u64::from(self.units) * UNIT);
        Limits { max_allocation, ..Signature::limits() }
    }

    /// The memory that decoding `encoded` takes, as far as its header tells; None for the usual sizes.
    async fn room(&self, encoded: &[u8]) -> Result<Option<OwnedSemaphorePermit>, RequestError> {
        // What has no header is refused by the decoder.
        let bytes = brazier_image::probe(encoded)
            .map_or(0, |found| u64::from(found.width) * u64::from(found.height) * BYTES_A_PIXEL);
        if bytes < SMALL {
            return Ok(None);
        }
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).min(self.units);
        let room = Arc::clone(&self.memory).acquire_many_owned(units).await;
        // Nobody closes this semaphore.
        room.map(Some).map_err(|error| RequestError::Decoder(error.to_string()))
    }
}

/// The pixels of `encoded`; a panic, which would be a defect of ours, is this request's alone.
fn caught(encoded: &Received, signature: &Signature, limits: &Limits) -> Result<Vec<u8>, RequestError> {
    match catch_unwind(AssertUnwindSafe(|| signature.preprocess_within(&encoded.bytes, limits))) {
        Ok(pixels) => Ok(pixels?),
        Err(panic) => Err(RequestError::Decoder(panic_text(panic.as_ref()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG's signature and header alone.
    fn header(side: u32) -> Vec<u8> {
        let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let chunk = |kind: &[u8], data: &[u8]| {
            let content = [kind, data].concat();
            let length = (data.len() as u32).to_be_bytes();
            [&length[..], &content, &crc32fast::hash(&content).to_be_bytes()].concat()
        };
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", b""), chunk(b"IEND", b"")]
            .concat()
    }

    #[tokio::test]
    async fn large_images_share_a_quarter_of_the_memory_and_small_ones_take_none() {
        let decoders = Decoders::new(1 << 30).unwrap();
        assert_eq!(decoders.limits().max_allocation, 256 << 20);
        assert!(decoders.room(&header(500)).await.unwrap().is_none());
        let free = || decoders.memory.available_permits();
        assert_eq!(free(), 256);
        // 4000 x 4000 pixels of 12 bytes are 183 MiB.
        let first = decoders.room(&header(4000)).await.unwrap();
        assert_eq!(free(), 73);
        let second = tokio::time::timeout(Duration::from_millis(50), decoders.room(&header(4000))).await;
        assert!(second.is_err(), "it waits");
        assert!(decoders.room(&header(500)).await.unwrap().is_none(), "and keeps no small one out");
        drop(first);
        // One that is larger than all of it takes all of it.
        let all = decoders.room(&header(9000)).await.unwrap();
        assert_eq!(free(), 0);
        drop(all);
        assert_eq!(Decoders::new(0).unwrap().limits().max_allocation, SMALL);
        assert_eq!(Decoders::new(u64::MAX).unwrap().limits().max_allocation, MOST);
    }
}

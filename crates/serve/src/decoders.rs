//! The threads that turn encoded images into pixels.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::body::Received;
use crate::engine::panic_text;
use crate::{RequestError, ServeError, Signature};

/// One thread a core, apart from those that serve connections and from those that compute: decoding may take hundreds
/// of megabytes an image, so no more images are decoded at once than that.
#[derive(Debug)]
pub(crate) struct Decoders(ThreadPool);

/// An image as the network takes it, and what that took.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// H x W x C bytes.
    pub pixels: Vec<u8>,
    /// Until a thread was free.
    pub waited: Duration,
    /// Decoding and resizing.
    pub took: Duration,
}

impl Decoders {
    pub(crate) fn new() -> Result<Self, ServeError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let pool = ThreadPoolBuilder::new().num_threads(cores).thread_name(|at| format!("decode-{at}"));
        pool.build().map(Decoders).map_err(|error| ServeError::Decoders(error.to_string()))
    }

    /// Prepares `encoded` as `signature` says. Dropping the future takes the image out of the queue; a decoder that
    /// has begun cannot be stopped.
    pub(crate) async fn decode(
        &self,
        encoded: Received,
        signature: Arc<Signature>,
    ) -> Result<Decoded, RequestError> {
        let (reply, answer) = oneshot::channel();
        let asked = Instant::now();
        self.0.spawn_fifo(move || {
            if reply.is_closed() {
                return;
            }
            let begun = Instant::now();
            let pixels = catch_unwind(AssertUnwindSafe(|| signature.preprocess(&encoded.bytes)));
            let _ = reply.send((pixels, begun - asked, begun.elapsed()));
        });
        match answer.await {
            Ok((Ok(pixels), waited, took)) => Ok(Decoded { pixels: pixels?, waited, took }),
            Ok((Err(panic), ..)) => Err(RequestError::Decoder(panic_text(panic.as_ref()))),
            Err(_) => Err(RequestError::Decoder("the decoder has ended".into())),
        }
    }
}

//! Shuffling what cannot be seen whole: a window that slides over the stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Piped;
use crate::DataError;

/// Encoded bytes that the window holds at most: what MXNet reads, and shuffles, at a time.
const BYTES: usize = 64 << 20;

/// Draws samples at random from those that were read last. The order is a pure function of the stream and of the
/// generator.
pub(crate) struct Window {
    random: Option<ChaCha8Rng>,
    samples: Vec<Piped>,
    bytes: usize,
}

impl Window {
    /// A window that shuffles with `random`, or hands samples on as they come.
    pub(crate) fn new(random: Option<ChaCha8Rng>) -> Self {
        Self { random, samples: Vec::new(), bytes: 0 }
    }

    /// The next sample of `stream`, or `None` when it has ended and the window is empty.
    pub(crate) fn next(
        &mut self,
        stream: &mut dyn Iterator<Item = Result<Piped, DataError>>,
    ) -> Option<Result<Piped, DataError>> {
        let Some(random) = &mut self.random else { return stream.next() };
        while self.bytes < BYTES {
            match stream.next() {
                Some(Ok(sample)) => {
                    self.bytes += sample.encoded.len();
                    self.samples.push(sample);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        let len = self.samples.len();
        if len == 0 {
            return None;
        }
        let chosen = ((u128::from(random.next_u64()) * len as u128) >> 64) as usize;
        let sample = self.samples.swap_remove(chosen);
        self.bytes -= sample.encoded.len();
        Some(Ok(sample))
    }
}

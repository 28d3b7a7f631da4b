//! What is done to one sample of a batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brazier_image::{Limits, Preprocess, TrainTransform};
use rand_chacha::rand_core::Rng;

use crate::labels::batch_label;
use crate::sampler::{Stream, generator};
use crate::{DataError, Dataset};

/// How samples become pixels.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Train { transform: TrainTransform, seed: u64, epoch: u64 },
    Evaluate(Preprocess),
}

impl Work {
    /// Writes the sample's pixels to `out` and returns its class.
    pub(super) fn run(
        &self,
        dataset: &Dataset,
        index: usize,
        limits: &Limits,
        out: &mut [u8],
    ) -> Result<i64, DataError> {
        // Nothing is looked at after a panic but the error: the half-written batch is dropped.
        guarded(dataset, index, || self.decode(dataset, index, limits, out))
    }

    fn decode(
        &self,
        dataset: &Dataset,
        index: usize,
        limits: &Limits,
        out: &mut [u8],
    ) -> Result<i64, DataError> {
        let source = &dataset.source;
        let sample = source.read(index)?;
        let done = match self {
            Self::Train { transform, seed, epoch } => {
                // Keyed by the sample, so that neither threads nor resuming can change its pixels.
                let mut random = generator(Stream::Sample, *seed, *epoch, index as u64);
                transform.apply(&sample.encoded, limits, &mut || random.next_u32(), out)
            }
            Self::Evaluate(preprocess) => preprocess.apply(&sample.encoded, limits, out),
        };
        if let Err(error) = done {
            return Err(DataError::Image { origin: source.origin(index)?, source: error });
        }
        match batch_label(&sample.labels) {
            Ok(label) => Ok(label),
            Err(fault) => Err(fault.at(source.origin(index)?)),
        }
    }
}

/// What `decode` makes of a sample. A panic in it, in a decoder say, becomes an error that names the image.
pub(crate) fn guarded<T>(
    dataset: &Dataset,
    index: usize,
    decode: impl FnOnce() -> Result<T, DataError>,
) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        Err(DataError::Panic { origin: dataset.source.origin(index)?, reason: message(&*panic) })
    })
}

/// The text a panic carries, if it carries one.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

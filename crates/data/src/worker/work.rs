//! What is done to one sample of a batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use brazier_image::{ImageError, Limits, Preprocess, TrainTransform};
use rand_chacha::rand_core::Rng;

use crate::labels::Label;
use crate::sampler::{self, generator};
use crate::stream::{Piped, Stream};
use crate::{DataError, Dataset, Origin, Target};

/// How samples become pixels.
#[derive(Debug, Clone)]
pub(super) enum How {
    Train { transform: TrainTransform, seed: u64, epoch: u64 },
    Evaluate(Preprocess),
}

/// What became of a sample beside its pixels.
#[derive(Debug)]
pub(super) struct Made {
    pub label: Label,
    /// In an evaluation.
    pub origin: Option<Origin>,
}

/// What turns a sample into pixels and a label.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub how: How,
    pub target: Target,
    pub limits: Limits,
}

impl Work {
    /// Writes the pixels of a dataset's sample to `out` and answers what it is. Where damaged samples are skipped, the
    /// next whole one takes its place in training; in evaluation the answer is then `None`.
    pub(super) fn indexed(
        &self,
        dataset: &Dataset,
        index: usize,
        out: &mut [u8],
    ) -> Result<Option<Made>, DataError> {
        let (len, mut first) = (dataset.source.len(), None);
        for tried in 0..len.max(1) {
            let at = (index + tried) % len.max(1);
            // Nothing is looked at after a panic but the error: the half-written picture is written again or dropped.
            let made = guarded(dataset, at, || self.sample(dataset, at, out));
            let Err(error) = made else { return made.map(Some) };
            first.get_or_insert_with(|| error.to_string());
            dataset.skip(at, error)?;
            if self.evaluates() {
                return Ok(None);
            }
        }
        let channel = dataset.description.clone();
        Err(DataError::AllDamaged { channel, first: first.unwrap_or_default() })
    }

    fn sample(&self, dataset: &Dataset, index: usize, out: &mut [u8]) -> Result<Made, DataError> {
        let origin = || dataset.source.origin(index);
        let sample = dataset.source.read(index)?;
        let label = match self.target.label(&sample.labels, dataset.label_format) {
            Ok(label) => label,
            Err(fault) => return Err(fault.at(origin()?)),
        };
        match self.decode(&sample.encoded, index as u64, out) {
            Ok(()) => Ok(Made { label, origin: self.evaluates().then(origin).transpose()? }),
            Err(source) => Err(DataError::Image { origin: origin()?, source }),
        }
    }

    /// Writes the pixels of a streamed sample to `out` and answers what it is, or `None` if it is damaged and skipped.
    pub(super) fn piped(
        &self,
        stream: &Stream,
        piped: &Piped,
        out: &mut [u8],
    ) -> Result<Option<Made>, DataError> {
        let origin = || piped.origin.clone();
        let label =
            self.target.label(&piped.labels, stream.label_format).map_err(|fault| fault.at(origin()))?;
        let error = match caught(|| self.decode(&piped.encoded, piped.number, out)) {
            Ok(Ok(())) => return Ok(Some(Made { label, origin: self.evaluates().then(origin) })),
            Ok(Err(source)) => DataError::Image { origin: origin(), source },
            Err(reason) => DataError::Panic { origin: origin(), reason },
        };
        stream.skip(piped, error).map(|()| None)
    }

    fn evaluates(&self) -> bool {
        matches!(self.how, How::Evaluate(_))
    }

    fn decode(&self, encoded: &[u8], number: u64, out: &mut [u8]) -> Result<(), ImageError> {
        match &self.how {
            How::Train { transform, seed, epoch } => {
                // Keyed by the sample, so that neither threads nor resuming can change its pixels.
                let mut random = generator(sampler::Stream::Sample, *seed, *epoch, number);
                transform.apply(encoded, &self.limits, &mut || random.next_u32(), out)
            }
            How::Evaluate(preprocess) => preprocess.apply(encoded, &self.limits, out),
        }
    }
}

/// What `decode` makes of a sample. A panic in it, in a decoder say, becomes an error that names the image.
pub(crate) fn guarded<T>(
    dataset: &Dataset,
    index: usize,
    decode: impl FnOnce() -> Result<T, DataError>,
) -> Result<T, DataError> {
    caught(decode)
        .unwrap_or_else(|reason| Err(DataError::Panic { origin: dataset.source.origin(index)?, reason }))
}

/// What `work` answers, or the message of its panic.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(&*panic))
}

/// The text a panic carries, if it carries one.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

//! One pass over a channel: the samples of one pipe, in its order.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use brazier_image::Format;
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{Reader, RecordError};

use super::framing::Framing;
use super::pipe::PipeReader;
use crate::damage::{Place, Skipped};
use crate::labels::parse_text;
use crate::{DataError, Origin};

/// A sample from a pipe.
#[derive(Debug)]
pub(crate) struct Piped {
    pub labels: Vec<f32>,
    pub encoded: Vec<u8>,
    /// Number of the sample in the epoch, over all the passes it took.
    pub number: u64,
    pub origin: Origin,
}

/// An open pipe.
pub(crate) struct Pass {
    name: Arc<str>,
    file: File,
}

impl Pass {
    pub(super) fn new(path: &Path, file: File) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
        Self { name, file }
    }

    /// The samples, numbered from `first` on. They end with the pipe, or with the first error.
    /// Where damage is to be skipped, it is noted in `skipped`.
    pub(crate) fn samples<'a>(
        &'a self,
        first: u64,
        skipped: Option<&'a Skipped>,
        stopped: &'a dyn Fn() -> bool,
    ) -> Samples<'a> {
        let pipe = PipeReader { file: &self.file, stopped };
        let records = Reader::new(pipe);
        Samples { pass: self, records, framing: None, skipped, stopped, first, number: 0, ended: false }
    }
}

/// Iterator over the samples of a pass.
pub(crate) struct Samples<'a> {
    pass: &'a Pass,
    records: Reader<PipeReader<'a>>,
    framing: Option<Framing>,
    skipped: Option<&'a Skipped>,
    stopped: &'a dyn Fn() -> bool,
    first: u64,
    /// In the pass.
    number: u64,
    ended: bool,
}

impl Samples<'_> {
    fn next_sample(&mut self) -> Result<Option<Piped>, DataError> {
        let Some((offset, payload)) = self.record()? else {
            let pipe = self.pass.name.to_string();
            return if self.number == 0 { Err(DataError::PipeEmpty { pipe }) } else { Ok(None) };
        };
        let origin = Origin::Piped { pipe: self.pass.name.clone(), sample: self.number, offset };
        let wrong = |reason| DataError::PipeContent { origin: origin.clone(), reason };
        let framing = match self.framing {
            Some(framing) => framing,
            None => *self.framing.insert(Framing::of(&payload).map_err(wrong)?),
        };
        let (labels, encoded) = match framing {
            Framing::Labelled => labelled(payload, &origin)?,
            Framing::Pairs => {
                let (_, text) = self
                    .record()?
                    .ok_or_else(|| wrong("the pipe ends where the image's label should be".into()))?;
                (label(&text).map_err(wrong)?, payload)
            }
        };
        let number = self.first + self.number;
        self.number += 1;
        Ok(Some(Piped { labels, encoded, number, origin }))
    }

    fn record(&mut self) -> Result<Option<(u64, Vec<u8>)>, DataError> {
        loop {
            let error = match self.records.next_record() {
                Ok(record) => return Ok(record.map(|record| (record.offset, record.payload))),
                Err(error) => error,
            };
            if matches!(error, RecordError::Io { .. }) && (self.stopped)() {
                return Err(DataError::Stopped);
            }
            let offset = self.records.offset();
            let error = DataError::Record { file: self.pass.name.to_string(), source: error };
            // After a gap nobody knows whether an image or a label comes next.
            let Some(skipped) =
                self.skipped.filter(|_| self.framing == Some(Framing::Labelled) && error.is_damage())
            else {
                return Err(error);
            };
            skipped.note(Place::Byte(offset), &error);
            let failed = |source| DataError::Record { file: self.pass.name.to_string(), source };
            self.records.resynchronise().map_err(failed)?;
        }
    }
}

fn labelled(mut payload: Vec<u8>, origin: &Origin) -> Result<(Vec<f32>, Vec<u8>), DataError> {
    let ImageRecord { label, image, .. } = ImageRecord::parse(&payload)
        .map_err(|source| DataError::Header { origin: origin.clone(), source })?;
    let header = payload.len() - image.len();
    payload.drain(..header);
    Ok((label, payload))
}

fn label(text: &[u8]) -> Result<Vec<f32>, String> {
    if let Ok(format) = Format::sniff(text) {
        return Err(format!(
            "a {format} image stands where the image's label should be: expected AttributeNames to name an image and its label"
        ));
    }
    parse_text(text).map_err(|error| error.to_string())
}

impl Iterator for Samples<'_> {
    type Item = Result<Piped, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_sample().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

//! Samples in `.rec` files.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::Damage;

use crate::{DataError, Origin, Sample, Source};

mod shard;

use shard::Shard;

/// How a record file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Mapped into memory, its pages shared by the workers. One walk over the frames finds the records, without any
    /// `.idx`, and proves that every frame is whole before training starts.
    #[default]
    Mapped,
    /// Read piece by piece. For SageMaker's FastFile mode, where a read may fail in the middle of a job: through a mapping
    /// that would end the process. An `.idx` beside the file saves reading it once at the start.
    Positioned,
}

/// A stretch of a record file in which no record can be read.
#[derive(Debug)]
pub struct Damaged {
    /// Name of the file.
    pub file: Arc<str>,
    /// Where, and what is wrong there.
    pub damage: Damage,
}

/// The records of one or several files, in the order given.
#[derive(Debug)]
pub struct RecordSource {
    shards: Vec<Shard>,
    /// Number of records before each shard.
    firsts: Vec<usize>,
    len: usize,
}

impl RecordSource {
    /// Opens the files and finds their records.
    ///
    /// # Errors
    /// Name the file and the byte at which it stops being RecordIO.
    pub fn open(paths: &[impl AsRef<Path>], access: Access) -> Result<Self, DataError> {
        Self::of(paths, |path| Shard::open(path, access, None))
    }

    /// Opens the files and finds the records that are whole, and the damage between them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn survey(paths: &[impl AsRef<Path>], access: Access) -> Result<(Self, Vec<Damaged>), DataError> {
        let mut damaged = Vec::new();
        let source = Self::of(paths, |path| Shard::open(path, access, Some(&mut damaged)))?;
        Ok((source, damaged))
    }

    fn of(
        paths: &[impl AsRef<Path>],
        mut open: impl FnMut(&Path) -> Result<Shard, DataError>,
    ) -> Result<Self, DataError> {
        let mut source = Self { shards: Vec::with_capacity(paths.len()), firsts: Vec::new(), len: 0 };
        for path in paths {
            let shard = open(path.as_ref())?;
            source.firsts.push(source.len);
            source.len += shard.len();
            source.shards.push(shard);
        }
        Ok(source)
    }

    /// The shard that holds a record, and the record's number in it.
    fn locate(&self, index: usize) -> Result<(&Shard, usize), DataError> {
        let missing = DataError::Index { index, len: self.len };
        if index >= self.len {
            return Err(missing);
        }
        let at = self.firsts.partition_point(|first| *first <= index).saturating_sub(1);
        match (self.shards.get(at), self.firsts.get(at)) {
            (Some(shard), Some(first)) => Ok((shard, index - first)),
            _ => Err(missing),
        }
    }
}

impl Source for RecordSource {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let (shard, record) = self.locate(index)?;
        match shard.payload(record)? {
            Cow::Borrowed(payload) => {
                let ImageRecord { label, image, .. } = shard.parse(record, payload)?;
                Ok(Sample { labels: label.into(), encoded: image.into() })
            }
            // The record was read, or joined because it was cut at a magic inside the image.
            Cow::Owned(mut payload) => {
                let ImageRecord { label, image, .. } = shard.parse(record, &payload)?;
                let header = payload.len() - image.len();
                payload.drain(..header);
                Ok(Sample { labels: label.into(), encoded: payload.into() })
            }
        }
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        let (shard, record) = self.locate(index)?;
        let payload = shard.payload(record)?;
        Ok(shard.parse(record, &payload)?.label.into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        let (shard, record) = self.locate(index)?;
        Ok(shard.origin(record))
    }
}

//! Samples in `.rec` files, memory-mapped.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{offsets, record_at};
use memmap2::Mmap;

use crate::{DataError, Origin, Sample, Source};

/// The records of one or several files, in the order given.
///
/// No `.idx` is needed: the offsets come from one walk over the frames, which touches a page per record and thereby
/// also proves that every frame is whole before training starts.
#[derive(Debug)]
pub struct RecordSource {
    shards: Vec<Shard>,
    len: usize,
}

#[derive(Debug)]
struct Shard {
    name: Arc<str>,
    map: Mmap,
    offsets: Vec<u64>,
    /// Number of records in the shards before this one.
    first: usize,
}

impl RecordSource {
    /// Maps the files and finds their records.
    ///
    /// Errors name the file and the byte at which it stops being RecordIO.
    pub fn open(paths: &[impl AsRef<Path>]) -> Result<Self, DataError> {
        let mut shards = Vec::with_capacity(paths.len());
        let mut len = 0;
        for path in paths {
            let shard = Shard::open(path.as_ref(), len)?;
            len += shard.offsets.len();
            shards.push(shard);
        }
        Ok(Self { shards, len })
    }

    /// The shard that holds a record, and the record's number in it.
    fn locate(&self, index: usize) -> Result<(&Shard, usize), DataError> {
        let past = self.shards.partition_point(|shard| shard.first <= index);
        let missing = DataError::Index { index, len: self.len };
        let shard = past.checked_sub(1).and_then(|at| self.shards.get(at)).ok_or(missing)?;
        if index >= self.len {
            return Err(DataError::Index { index, len: self.len });
        }
        Ok((shard, index - shard.first))
    }
}

impl Shard {
    #[expect(unsafe_code, reason = "mapping a file is the one way to share its pages between the workers")]
    fn open(path: &Path, first: usize) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        // SAFETY: the bytes must not change while mapped. Channels are inputs: the platform has finished writing them
        // before the job starts and nothing in this program writes to them.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let name: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
        let offsets = offsets(&map).map_err(|source| DataError::Record { file: name.to_string(), source })?;
        Ok(Self { name, map, offsets, first })
    }

    fn origin(&self, record: usize) -> Origin {
        let offset = self.offsets.get(record).copied().unwrap_or_default();
        Origin::Record { file: self.name.clone(), record, offset }
    }

    fn payload(&self, record: usize) -> Result<Cow<'_, [u8]>, DataError> {
        let offset = *super::at(&self.offsets, record)?;
        let (found, _) = record_at(&self.map, offset)
            .map_err(|source| DataError::Record { file: self.name.to_string(), source })?;
        Ok(found.payload)
    }

    fn parse<'a>(&self, record: usize, payload: &'a [u8]) -> Result<ImageRecord<'a>, DataError> {
        ImageRecord::parse(payload)
            .map_err(|source| DataError::Header { origin: self.origin(record), source })
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
            // The record was cut at a magic inside the image; it had to be joined in memory.
            Cow::Owned(payload) => {
                let ImageRecord { label, image, .. } = shard.parse(record, &payload)?;
                Ok(Sample { labels: label.into(), encoded: image.to_vec().into() })
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

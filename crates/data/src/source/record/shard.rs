//! One `.rec` file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brazier_mxnet::idx;
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{Reader, RecordError, offsets, record_at, survey};
use memmap2::Mmap;

use super::super::{at, may_pass};
use super::{Access, Damaged};
use crate::{DataError, Origin};

/// How often a read that fails is tried again: in FastFile mode it is a request over the network.
const TRIES: usize = 4;

#[derive(Debug)]
pub(super) struct Shard {
    name: Arc<str>,
    path: PathBuf,
    bytes: Bytes,
    /// Where each record begins, in file order.
    offsets: Vec<u64>,
    /// Where the last record ends at most.
    end: u64,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    File(File),
}

impl Shard {
    /// Opens a file. Damage goes to `damaged` where that is given, and is an error where it is not.
    pub(super) fn open(
        path: &Path,
        access: Access,
        damaged: Option<&mut Vec<Damaged>>,
    ) -> Result<Self, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        let name: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
        let refused = |source| DataError::Record { file: name.to_string(), source };
        let file = File::open(path).map_err(failed)?;
        let end = file.metadata().map_err(failed)?.len();
        let (bytes, offsets) = match (access, damaged) {
            (Access::Mapped, None) => {
                let map = map(&file).map_err(failed)?;
                let offsets = offsets(&map).map_err(refused)?;
                (Bytes::Mapped(map), offsets)
            }
            // Finding the next record after damage takes the whole file at hand.
            (_, Some(damaged)) => {
                let map = map(&file).map_err(failed)?;
                let survey = survey(&map);
                damaged
                    .extend(survey.damaged.into_iter().map(|damage| Damaged { file: name.clone(), damage }));
                let bytes = match access {
                    Access::Mapped => Bytes::Mapped(map),
                    Access::Positioned => Bytes::File(file),
                };
                (bytes, survey.offsets)
            }
            (Access::Positioned, None) => {
                let offsets = match indexed(path, end)? {
                    Some(offsets) => offsets,
                    None => walked(&file).map_err(refused)?,
                };
                (Bytes::File(file), offsets)
            }
        };
        Ok(Self { name, path: path.to_owned(), bytes, offsets, end })
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    pub(super) fn origin(&self, record: usize) -> Origin {
        let offset = self.offsets.get(record).copied().unwrap_or_default();
        Origin::Record { file: self.name.clone(), record, offset }
    }

    pub(super) fn payload(&self, record: usize) -> Result<Cow<'_, [u8]>, DataError> {
        let offset = *at(&self.offsets, record)?;
        match &self.bytes {
            Bytes::Mapped(map) => match record_at(map, offset) {
                Ok((record, _)) => Ok(record.payload),
                Err(source) => Err(DataError::Record { file: self.name.to_string(), source }),
            },
            Bytes::File(file) => {
                let end = self.offsets.get(record + 1).copied().unwrap_or(self.end);
                let extent = read(file, offset, end - offset)
                    .map_err(|source| DataError::Io { path: self.path.clone(), source })?;
                // The error's offset is one within the record.
                let file = format!("{}, record {record} at byte {offset}", self.name);
                let found = record_at(&extent, 0).map_err(|source| DataError::Record { file, source })?.0;
                Ok(Cow::Owned(found.payload.into_owned()))
            }
        }
    }

    pub(super) fn parse<'a>(&self, record: usize, payload: &'a [u8]) -> Result<ImageRecord<'a>, DataError> {
        ImageRecord::parse(payload)
            .map_err(|source| DataError::Header { origin: self.origin(record), source })
    }
}

#[expect(unsafe_code, reason = "mapping a file is the one way to share its pages between the workers")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes must not change while mapped. Channels are inputs: the platform has finished writing them
    // before the job starts and nothing in this program writes to them.
    unsafe { Mmap::map(file) }
}

/// The offsets of the `.idx` beside a record file of `end` bytes, if there is one that fits it.
fn indexed(path: &Path, end: u64) -> Result<Option<Vec<u64>>, DataError> {
    let path = path.with_extension("idx");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataError::Io { path, source }),
    };
    let Ok(entries) = idx::parse(bytes) else { return Ok(None) };
    let mut offsets: Vec<u64> = entries.iter().map(|entry| entry.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    // Every record takes eight bytes at least. An index of another file is not believed.
    let fits = offsets.first() == Some(&0)
        && offsets.last().is_some_and(|last| last + 8 <= end)
        && offsets.iter().all(|offset| offset % 4 == 0);
    Ok(fits.then_some(offsets))
}

/// The offsets of all records, found by reading the file once from front to back.
fn walked(file: &File) -> Result<Vec<u64>, RecordError> {
    let mut reader = Reader::new(file);
    let mut offsets = Vec::new();
    while let Some(record) = reader.borrow_record()? {
        offsets.push(record.offset);
    }
    Ok(offsets)
}

/// `length` bytes from `offset`, after some patience.
fn read(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    // The extent lies within the file, which bounds it.
    let mut bytes = vec![0; length as usize];
    let mut tries = 0;
    loop {
        tries += 1;
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => return Ok(bytes),
            Err(error) if tries == TRIES || !may_pass(&error) => return Err(error),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(100 << tries)),
        }
    }
}

//! Samples of record files up to the damage in each.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{Reader, RecordError};

use super::fault::Fault;
use crate::{DataError, Origin, Sample, Source};

/// The whole records of several files.
#[derive(Debug)]
pub(super) struct WholeRecords {
    files: Vec<RecordFile>,
    records: Vec<Place>,
}

#[derive(Debug)]
struct RecordFile {
    path: PathBuf,
    name: Arc<str>,
    file: File,
}

/// Where a record lies: its file, its number in it, and its offset.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: usize,
    number: usize,
    offset: u64,
}

impl WholeRecords {
    /// Walks the files, one record in memory at a time; damage goes to `faults`.
    pub(super) fn open(paths: &[PathBuf], faults: &mut Vec<Fault>) -> Self {
        let mut whole = Self { files: Vec::new(), records: Vec::new() };
        for path in paths {
            if let Err(fault) = whole.add(path, faults) {
                faults.push(fault);
            }
        }
        whole
    }

    fn add(&mut self, path: &Path, faults: &mut Vec<Fault>) -> Result<(), Fault> {
        let name: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
        let failed = |source| Fault::new(name.to_string(), &DataError::Io { path: path.to_owned(), source });
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let (offsets, damage) = walk(&file);
        let number = self.files.len();
        let places = offsets.into_iter().enumerate();
        self.records.extend(places.map(|(at, offset)| Place { file: number, number: at, offset }));
        faults.extend(damage.map(|error| damaged(&name, bytes, error)));
        self.files.push(RecordFile { path: path.to_owned(), name, file });
        Ok(())
    }

    fn at(&self, index: usize) -> Result<(&RecordFile, Place), DataError> {
        let place = self.records.get(index).and_then(|place| Some((self.files.get(place.file)?, *place)));
        place.ok_or(DataError::Index { index, len: self.records.len() })
    }

    /// A record's labels and image.
    fn load(&self, index: usize) -> Result<(Vec<f32>, Vec<u8>), DataError> {
        let (RecordFile { path, name, file }, Place { offset, .. }) = self.at(index)?;
        let mut reader = Reader::new(BufReader::new(FileFrom { file, offset }));
        let record = reader
            .next_record()
            .map_err(|source| DataError::Record { file: name.to_string(), source })?
            // The file was longer a moment ago.
            .ok_or_else(|| DataError::Io {
                path: path.clone(),
                source: io::ErrorKind::UnexpectedEof.into(),
            })?;
        match ImageRecord::parse(&record.payload) {
            Ok(ImageRecord { label, image, .. }) => Ok((label, image.to_vec())),
            Err(source) => Err(DataError::Header { origin: self.origin(index)?, source }),
        }
    }
}

/// The offsets of a file's records up to its first damage, and that damage. The one place that decides how much of a
/// damaged file is examined.
fn walk(file: &File) -> (Vec<u64>, Option<RecordError>) {
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file));
    let mut offsets = Vec::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => offsets.push(record.offset),
            Ok(None) => return (offsets, None),
            Err(error) => return (offsets, Some(error)),
        }
    }
}

fn damaged(name: &Arc<str>, bytes: u64, error: RecordError) -> Fault {
    let offset = match &error {
        RecordError::Truncated { offset, .. }
        | RecordError::Magic { offset, .. }
        | RecordError::Position { offset, .. }
        | RecordError::TooLong { offset, .. }
        | RecordError::Io { offset, .. } => *offset,
    };
    let rest = bytes.saturating_sub(offset);
    let mut fault =
        Fault::new(name.to_string(), &DataError::Record { file: name.to_string(), source: error });
    fault.origin = format!("{name}, byte {offset}");
    fault.reason += &format!("; the last {rest} bytes of the file were not examined");
    fault
}

/// A file from an offset on, shared by several readers.
struct FileFrom<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for FileFrom<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Source for WholeRecords {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let (labels, image) = self.load(index)?;
        Ok(Sample { labels: labels.into(), encoded: image.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(self.load(index)?.0.into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        let (file, place) = self.at(index)?;
        Ok(Origin::Record { file: file.name.clone(), record: place.number, offset: place.offset })
    }
}

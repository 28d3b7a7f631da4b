//! A list to its record file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use brazier_mxnet::idx;
use brazier_mxnet::lst::{self, Entry, ListError};
use brazier_mxnet::recordio::{MAX_RECORD_BYTES, Writer};
use rayon::prelude::*;

use super::{Im2recError, image};

/// Images a thread gets before all are written: enough that threads seldom wait for each other, few enough to be held
/// in memory.
const IMAGES_A_THREAD: usize = 16;

/// How images are packed. The default is the original's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackOptions {
    /// Pixels of the shorter edge; larger images are made smaller, smaller ones larger. None by default.
    pub resize: Option<NonZeroU32>,
    /// Cut the longer side to a square, before resizing.
    pub center_crop: bool,
    /// JPEG quality, 1 to 100; of no effect on PNG. Default 95.
    pub quality: u8,
    /// What the images become.
    pub encoding: Encoding,
    /// The channels that are kept.
    pub color: Color,
    /// Store the files' bytes untouched; all of the above is then of no effect.
    pub pass_through: bool,
    /// Store all labels of a line that has several; otherwise only its first.
    pub pack_label: bool,
    /// Threads that decode and encode; 0 for one a core. Default 1. Without influence on the result.
    pub threads: usize,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            resize: None,
            center_crop: false,
            quality: 95,
            encoding: Encoding::Jpg,
            color: Color::Rgb,
            pass_through: false,
            pack_label: false,
            threads: 1,
        }
    }
}

/// The encoding of packed images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JPEG, 4:2:0.
    Jpg,
    /// PNG.
    Png,
}

/// The channels of packed images; alpha is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// `--color 1`: three channels, grey images too.
    Rgb,
    /// `--color 0`: one channel.
    Grey,
    /// `--color -1`: one channel for an image without colour, otherwise three.
    AsIs,
}

/// What became of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The record file; its `.idx` has the same name otherwise.
    pub path: PathBuf,
    /// Records in it.
    pub written: usize,
    /// The images, and the lines of the list, that are not in it.
    pub failed: Vec<Failure>,
}

/// An image that is not in the record file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The image's path in the list, or the list's own for a line without one.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Packs the images of `list`, whose paths are relative to `root`, into a `.rec` and an `.idx` file beside the list,
/// in its order. A record's id and key is the image's index. `progress` is told now and then how many of how many lines
/// are done.
///
/// # Errors
/// A list that cannot be read, record files that cannot be written, a quality outside 1 to 100. Not a bad image.
pub fn pack(
    list: &Path,
    root: &Path,
    options: &PackOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Packed, Im2recError> {
    if !(1..=100).contains(&options.quality) {
        let (option, found) = ("quality", options.quality.to_string());
        return Err(Im2recError::Option { option, found, expected: "1 to 100" });
    }
    let bytes = fs::read(list).map_err(Im2recError::read(list))?;
    let lines: Vec<_> = lst::lines(&bytes).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool = pool.map_err(|error| Im2recError::Threads(error.to_string()))?;

    let mut output = Output::create(list)?;
    let mut packed = Packed { path: list.with_extension("rec"), written: 0, failed: Vec::new() };
    let mut done = 0;
    for block in lines.chunks(IMAGES_A_THREAD * pool.current_num_threads()) {
        let record = |line: &_| record(line, list, root, options);
        let records: Vec<_> = pool.install(|| block.par_iter().map(record).collect());
        for record in records {
            match record {
                Ok((key, payload)) => output.write(key, &payload)?,
                Err(failure) => packed.failed.push(failure),
            }
        }
        done += block.len();
        progress(done, lines.len());
    }
    packed.written = output.finish()?;
    Ok(packed)
}

/// The key and payload of a line's record.
fn record(
    line: &Result<Entry, ListError>,
    list: &Path,
    root: &Path,
    options: &PackOptions,
) -> Result<(i64, Vec<u8>), Failure> {
    let name = || list.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entry = line.as_ref().map_err(|error| Failure { path: name(), reason: error.to_string() })?;
    let failed = |reason| Failure { path: entry.path.clone(), reason };
    // A decoder's panic costs one image, not the job.
    let payload = catch_unwind(AssertUnwindSafe(|| image::payload(entry, root, options)))
        .unwrap_or_else(|_| Err("the decoder failed unexpectedly".into()))
        .map_err(failed)?;
    if payload.len() as u64 > MAX_RECORD_BYTES {
        return Err(failed(format!("it has {} bytes, a record at most {MAX_RECORD_BYTES}", payload.len())));
    }
    Ok((entry.index, payload))
}

/// The two files, under other names until they are complete.
struct Output {
    list: PathBuf,
    records: Writer<BufWriter<File>>,
    index: Vec<idx::Entry>,
}

impl Output {
    fn create(list: &Path) -> Result<Self, Im2recError> {
        let path = partial(&list.with_extension("rec"));
        let file = File::create(&path).map_err(Im2recError::write(path))?;
        let records = Writer::new(BufWriter::with_capacity(1 << 20, file));
        Ok(Self { list: list.to_owned(), records, index: Vec::new() })
    }

    fn write(&mut self, key: i64, payload: &[u8]) -> Result<(), Im2recError> {
        let path = || self.list.with_extension("rec");
        let offset = self.records.write(payload);
        let offset = offset.map_err(|source| Im2recError::Record { path: path(), source })?;
        self.index.push(idx::Entry { key, offset });
        Ok(())
    }

    /// Writes the index, then gives both files their names; the number of records.
    fn finish(self) -> Result<usize, Im2recError> {
        let (records, index) = (self.list.with_extension("rec"), self.list.with_extension("idx"));
        self.records.into_inner().flush().map_err(Im2recError::write(&records))?;
        let mut lines = Vec::new();
        idx::write(&self.index, &mut lines).map_err(Im2recError::write(&index))?;
        fs::write(partial(&index), lines).map_err(Im2recError::write(&index))?;
        for path in [records, index] {
            fs::rename(partial(&path), &path).map_err(Im2recError::write(path))?;
        }
        Ok(self.index.len())
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    name.into()
}

//! The lines of image lists whose image is there; the others are faults.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use brazier_mxnet::lst;

use super::fault::Fault;
use crate::{DataError, Origin, Sample, Source};

/// The usable lines of several lists.
#[derive(Debug)]
pub(super) struct UsableLines {
    directory: PathBuf,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    labels: Vec<f32>,
    path: Arc<str>,
    list: Arc<str>,
    number: usize,
}

impl UsableLines {
    /// Reads the lists, whose paths are relative to `directory`, and looks every image up.
    pub(super) fn open(lists: &[PathBuf], directory: &Path, faults: &mut Vec<Fault>) -> Self {
        let mut usable = Self { directory: directory.to_owned(), lines: Vec::new() };
        for path in lists {
            let list: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
            match std::fs::read(path) {
                Ok(bytes) => usable.add(&list, &bytes, faults),
                Err(source) => {
                    let error = DataError::Io { path: path.clone(), source };
                    faults.push(Fault::new(list.to_string(), &error));
                }
            }
        }
        usable
    }

    fn add(&mut self, list: &Arc<str>, bytes: &[u8], faults: &mut Vec<Fault>) {
        // Line by line, because the parser's entries do not carry their line number.
        for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let entry = match lst::lines(text).next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    let source = lst::ListError { line: number, ..error };
                    let error = DataError::List { file: list.to_string(), source };
                    faults.push(Fault {
                        origin: format!("{list} line {number}"),
                        ..Fault::new(list.to_string(), &error)
                    });
                    continue;
                }
                None => continue,
            };
            let line = Line { labels: entry.labels, path: entry.path.into(), list: list.clone(), number };
            match line.look_up(&self.directory) {
                Ok(()) => self.lines.push(line),
                Err(error) => faults.push(Fault::at(&line.origin(), &error)),
            }
        }
    }

    fn line(&self, index: usize) -> Result<&Line, DataError> {
        self.lines.get(index).ok_or(DataError::Index { index, len: self.lines.len() })
    }
}

impl Line {
    fn origin(&self) -> Origin {
        Origin::Listed { path: self.path.clone(), list: self.list.clone(), line: self.number }
    }

    /// Whether the image is inside the directory, there, and holds something.
    fn look_up(&self, directory: &Path) -> Result<(), DataError> {
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(&*self.path).components().all(inside) {
            return Err(DataError::PathOutside { origin: self.origin() });
        }
        let path = directory.join(&*self.path);
        match std::fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => Err(self.missing(directory)),
            Ok(metadata) if metadata.len() == 0 => {
                Err(DataError::EmptyImage { origin: self.origin(), directory: directory.to_owned() })
            }
            Ok(_) => Ok(()),
            Err(source) => Err(self.failed(directory, path, source)),
        }
    }

    fn failed(&self, directory: &Path, path: PathBuf, source: io::Error) -> DataError {
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::Interrupted => DataError::Io { path, source },
            _ => self.missing(directory),
        }
    }

    fn missing(&self, directory: &Path) -> DataError {
        DataError::MissingImage { origin: self.origin(), directory: directory.to_owned() }
    }
}

impl Source for UsableLines {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let line = self.line(index)?;
        let path = self.directory.join(&*line.path);
        let encoded = std::fs::read(&path).map_err(|source| line.failed(&self.directory, path, source))?;
        Ok(Sample { labels: line.labels.as_slice().into(), encoded: encoded.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(self.line(index)?.labels.as_slice().into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(self.line(index)?.origin())
    }
}

//! Samples named by `.lst` files, images in a directory beside them.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use brazier_mxnet::lst;

use crate::{DataError, Origin, Sample, Source};

/// The lines of one or several lists, in the order given.
#[derive(Debug)]
pub struct ListSource {
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

impl ListSource {
    /// Reads the lists; their paths are relative to `directory`. No image is opened yet,
    /// but each is looked up: a list that does not fit its images is refused now, not when a batch comes to them.
    ///
    /// Errors name the list and the line: one that does not parse, whose path leaves `directory`, or whose image is
    /// missing, not a file or empty.
    pub fn open(lists: &[impl AsRef<Path>], directory: &Path) -> Result<Self, DataError> {
        let mut lines = Vec::new();
        for path in lists {
            read_list(path.as_ref(), &mut lines)?;
        }
        for line in &lines {
            line.look_up(directory)?;
        }
        Ok(Self { directory: directory.to_owned(), lines })
    }

    /// Labels and path of every line, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&[f32], &str)> {
        self.lines.iter().map(|line| (line.labels.as_slice(), &*line.path))
    }
}

fn read_list(path: &Path, lines: &mut Vec<Line>) -> Result<(), DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let list: Arc<str> = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into();
    // Line by line, because the parser's entries do not carry their line number.
    for (number, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let Some(entry) = lst::lines(text).next() else { continue };
        let entry = entry.map_err(|error| DataError::List {
            file: list.to_string(),
            source: lst::ListError { line: number, ..error },
        })?;
        let line = Line { labels: entry.labels, path: entry.path.into(), list: list.clone(), number };
        if !stays_inside(&line.path) {
            return Err(DataError::PathOutside { origin: line.origin() });
        }
        lines.push(line);
    }
    Ok(())
}

/// Whether a path names something below the directory it is joined to: a leading `./` is fine, `..` and `/` are not.
fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

impl Line {
    fn origin(&self) -> Origin {
        Origin::Listed { path: self.path.clone(), list: self.list.clone(), line: self.number }
    }

    /// Whether the image is there and holds something.
    fn look_up(&self, directory: &Path) -> Result<(), DataError> {
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
            // The last two are names that no file can have.
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename => self.missing(directory),
            _ => DataError::Io { path, source },
        }
    }

    fn missing(&self, directory: &Path) -> DataError {
        DataError::MissingImage { origin: self.origin(), directory: directory.to_owned() }
    }
}

impl Source for ListSource {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        let line = super::at(&self.lines, index)?;
        let path = self.directory.join(&*line.path);
        let encoded = std::fs::read(&path).map_err(|source| line.failed(&self.directory, path, source))?;
        Ok(Sample { labels: line.labels.as_slice().into(), encoded: encoded.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(super::at(&self.lines, index)?.labels.as_slice().into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(super::at(&self.lines, index)?.origin())
    }
}

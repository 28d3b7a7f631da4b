//! Samples named by lists, images in a directory beside them.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::channel::{Obstacle, OnObstacle};
use crate::{DataError, Origin, Sample, Source};

mod lst;
pub(crate) mod manifest;

/// The images of one or several lists, in the order given.
#[derive(Debug)]
pub struct ListSource {
    directory: PathBuf,
    lines: Vec<Line>,
}

/// One image as a list names it.
#[derive(Debug)]
struct Line {
    labels: Vec<f32>,
    /// Relative to the directory.
    path: Arc<str>,
    list: Arc<str>,
    number: usize,
}

impl ListSource {
    /// Reads `.lst` files; their paths are relative to `directory`. No image is opened yet, but each is looked up:
    /// a list that does not fit its images is refused now, not when a batch comes to them.
    ///
    /// # Errors
    /// Those that `obstacle` does not accept; each is told with its list and line: one that does not parse, whose path
    /// leaves `directory`, or whose image is missing, not a file or empty.
    pub(crate) fn open(
        lists: &[impl AsRef<Path>],
        directory: &Path,
        obstacle: &mut OnObstacle,
    ) -> Result<Self, DataError> {
        let mut lines = Lines { directory, lines: Vec::new(), obstacle };
        for path in lists {
            lst::read(path.as_ref(), &mut lines)?;
        }
        Ok(lines.into_source())
    }

    /// Reads augmented manifests, whose images are looked for below `directory`; also the class names that their
    /// metadata gives.
    ///
    /// # Errors
    /// As [`ListSource::open`].
    pub(crate) fn open_manifests(
        manifests: &[impl AsRef<Path>],
        directory: &Path,
        obstacle: &mut OnObstacle,
    ) -> Result<(Self, Option<Vec<String>>), DataError> {
        let mut names = manifest::ClassNames::default();
        let mut lines = Lines { directory, lines: Vec::new(), obstacle };
        for path in manifests {
            manifest::read(path.as_ref(), &mut lines, &mut names)?;
        }
        Ok((lines.into_source(), names.in_order()))
    }

    /// Labels and path of every line, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&[f32], &str)> {
        self.lines.iter().map(|line| (line.labels.as_slice(), &*line.path))
    }
}

/// The usable lines of the lists read so far.
struct Lines<'a> {
    directory: &'a Path,
    lines: Vec<Line>,
    obstacle: &'a mut OnObstacle<'a>,
}

impl Lines<'_> {
    /// Appends a line if its image can be found.
    fn add(
        &mut self,
        list: &Arc<str>,
        number: usize,
        labels: Vec<f32>,
        path: String,
    ) -> Result<(), DataError> {
        let line = Line { labels, path: path.into(), list: list.clone(), number };
        match line.look_up(self.directory) {
            Ok(()) => self.lines.push(line),
            Err(error) => self.reject(error)?,
        }
        Ok(())
    }

    /// Leaves out what `error` names, if that is accepted.
    fn reject(&mut self, error: DataError) -> Result<(), DataError> {
        (self.obstacle)(Obstacle::Error(error))
    }

    fn into_source(self) -> ListSource {
        ListSource { directory: self.directory.to_owned(), lines: self.lines }
    }
}

/// A list's name and what it holds.
type List = (Arc<str>, Vec<u8>);

/// Reads a list; `None` if that fails and the failure is accepted.
fn read_list(path: &Path, lines: &mut Lines) -> Result<Option<List>, DataError> {
    match super::read_file(path) {
        Ok(bytes) => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            Ok(Some((name.into(), bytes)))
        }
        Err(source) => lines.reject(DataError::Io { path: path.to_owned(), source }).map(|()| None),
    }
}

/// Whether a path names something below the directory it is joined to: a leading `./` is fine, `..` and `/` are not.
fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

impl Line {
    fn origin(&self) -> Origin {
        Origin::Listed { path: self.path.clone(), list: self.list.clone(), line: self.number }
    }

    /// Whether the image is inside the directory, there, and holds something.
    fn look_up(&self, directory: &Path) -> Result<(), DataError> {
        if !stays_inside(&self.path) {
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
        let encoded = super::read_file(&path).map_err(|source| line.failed(&self.directory, path, source))?;
        Ok(Sample { labels: line.labels.as_slice().into(), encoded: encoded.into() })
    }

    fn labels(&self, index: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(super::at(&self.lines, index)?.labels.as_slice().into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(super::at(&self.lines, index)?.origin())
    }
}

//! A channel opened with whatever can be read of it.

use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folders::known_classes;
use super::lists::UsableLines;
use crate::channel::directory::{Kind, visible_entries};
use crate::source::RecordSource;
use crate::{ChannelFiles, DataError, Dataset, Options, Source, open};

/// The samples that have a place in a channel, and what stands in the way of others.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) name: String,
    /// May hold no sample at all.
    pub(super) dataset: Dataset,
    pub(super) faults: Vec<Fault>,
}

impl Survey {
    /// Opens as training does, and where that gives up at the first fault collects all of them.
    ///
    /// # Errors
    /// As [`open`], where there is nothing to collect.
    pub(super) fn open(files: &ChannelFiles, classes: Option<&[String]>) -> Result<Self, DataError> {
        let name = files.name.clone();
        match open(files, &Options { classes, ..Options::default() }) {
            Ok(dataset) => Ok(Self { name, dataset, faults: Vec::new() }),
            Err(DataError::UnknownClass { .. }) => {
                let mut faults = Vec::new();
                let dataset = known_classes(
                    open(files, &Options::default())?,
                    classes.unwrap_or_default(),
                    &mut faults,
                )?;
                Ok(Self { name, dataset, faults })
            }
            Err(error @ (DataError::MissingChannel { .. } | DataError::EmptyChannel { .. })) => Err(error),
            Err(error) => damaged(files, error),
        }
    }
}

/// The same choice between records and lists as [`open`] makes.
fn damaged(files: &ChannelFiles, error: DataError) -> Result<Survey, DataError> {
    let name = &files.name;
    let mut faults = Vec::new();
    let records = with_extension(&files.directory, "rec")?;
    let (source, what): (Box<dyn Source>, _) = if records.is_empty() {
        let lists = with_extension(files.list_directory.as_ref().unwrap_or(&files.directory), "lst")?;
        if lists.is_empty() {
            return Err(error);
        }
        (Box::new(UsableLines::open(&lists, &files.directory, &mut faults)), "images listed in .lst files")
    } else {
        let (source, damaged) = RecordSource::survey(&records)?;
        faults.extend(damaged.into_iter().map(Fault::of_record_file));
        (Box::new(source), "whole records in .rec files")
    };
    let class_names = class_names(&files.directory);
    // What stopped `open` was none of the things collected: the class names, say.
    if faults.is_empty() {
        faults.push(Fault::new(name.clone(), &error));
    }
    let description = format!("{name}: {} {what}", source.len());
    Ok(Survey {
        name: name.clone(),
        dataset: Dataset { class_names, ..Dataset::new(source, description) },
        faults,
    })
}

/// The data files of a directory with an extension, in name order.
fn with_extension(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, DataError> {
    let mut entries = visible_entries(directory)?;
    entries.retain(|entry| matches!(entry.kind, Kind::File { bytes: 1.. }) && entry.extension() == extension);
    Ok(entries.into_iter().map(|entry| directory.join(entry.name)).collect())
}

/// The lines of `classes.txt` in the channel or above it, if it can be read and every line is a name.
fn class_names(directory: &Path) -> Option<Vec<String>> {
    let read = |place: &Path| std::fs::read_to_string(place.join("classes.txt")).ok();
    let text = read(directory).or_else(|| read(directory.parent()?))?;
    let lines = text.trim_start_matches('\u{feff}').trim_end().lines();
    let names: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    names.iter().all(|name| !name.is_empty()).then_some(names)
}

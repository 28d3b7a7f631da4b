//! A channel's directory to a dataset.

use std::path::{Path, PathBuf};

use crate::source::{FolderSource, ListSource, RecordSource};
use crate::{DataError, Source};

pub(crate) mod directory;
mod names;
pub(crate) mod passed_over;

use directory::{Entry, Kind, visible_entries};
use passed_over::PassedOver;

/// Where the files of a channel lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFiles {
    /// `train` or `validation`, for messages.
    pub name: String,
    /// The records, the images, or the class folders.
    pub directory: PathBuf,
    /// The `.lst` files, where they have a channel of their own (`train_lst`).
    pub list_directory: Option<PathBuf>,
}

/// The samples of a channel.
#[derive(Debug)]
pub struct Dataset {
    /// The samples by index; at least one.
    pub source: Box<dyn Source>,
    /// The names of the classes in the order of their labels, where the data tells them.
    pub class_names: Option<Vec<String>>,
    /// One line for the log, such as `train: 4000 records in train.rec`. Files that are not used are counted in it:
    /// those beside the records, or all but the images of class folders; none where lists say what is used.
    pub description: String,
}

/// Opens a channel by what it holds, whatever content type was declared: `.rec` files, else `.lst` files with images,
/// else one folder per class. Hidden, empty and stray files do no harm.
///
/// `classes` are the names of the training channel when a further one is opened: class folders are then
/// numbered as there, even if this channel lacks some.
///
/// # Errors
/// A directory that is missing or holds none of the three, and damage in the record files or lists found.
pub fn open(files: &ChannelFiles, classes: Option<&[String]>) -> Result<Dataset, DataError> {
    let channel = files.name.as_str();
    require_directory(channel, &files.directory)?;

    let records = with_extension(&files.directory, "rec")?;
    if !records.is_empty() {
        return open_records(files, &records);
    }

    if let Some(directory) = &files.list_directory {
        let channel = format!("{channel}_lst");
        require_directory(&channel, directory)?;
        let lists = with_extension(directory, "lst")?;
        if lists.is_empty() {
            return Err(DataError::EmptyChannel {
                channel,
                directory: directory.clone(),
                looked_for: ".lst file",
            });
        }
        return open_lists(files, &lists);
    }
    let lists = with_extension(&files.directory, "lst")?;
    if !lists.is_empty() {
        return open_lists(files, &lists);
    }
    open_folders(files, classes)
}

fn open_records(files: &ChannelFiles, records: &[PathBuf]) -> Result<Dataset, DataError> {
    let source = RecordSource::open(records)?;
    let mut passed_over = PassedOver::default();
    for entry in visible_entries(&files.directory)? {
        if !is_data(&entry, "rec") && entry.name != names::FILE {
            passed_over.add(&entry);
        }
    }
    let mut dataset = dataset(files, Box::new(source), None, "records in", records)?;
    dataset.description += &passed_over.to_string();
    Ok(dataset)
}

fn open_lists(files: &ChannelFiles, lists: &[PathBuf]) -> Result<Dataset, DataError> {
    let source = ListSource::open(lists, &files.directory)?;
    let from_paths = names::from_paths(source.entries());
    dataset(files, Box::new(source), from_paths, "images listed in", lists)
}

fn open_folders(files: &ChannelFiles, classes: Option<&[String]>) -> Result<Dataset, DataError> {
    let mut source = FolderSource::open(&files.directory)?;
    if source.is_empty() {
        return Err(empty(files));
    }
    let (name, folders, others) = (&files.name, source.folders().len(), source.passed_over());
    let description = format!("{name}: {} images in {folders} class folders{others}", source.len());
    if let Some(classes) = classes {
        source.renumber(classes).map_err(|folder| DataError::UnknownClass {
            channel: files.name.clone(),
            folder,
            known: classes.join(", "),
        })?;
    }
    let class_names = Some(source.folders().to_vec());
    Ok(Dataset { source: Box::new(source), class_names, description })
}

/// A dataset of records or lists. Names written down by the user go before names read out of paths.
fn dataset(
    files: &ChannelFiles,
    source: Box<dyn Source>,
    from_paths: Option<Vec<String>>,
    what: &str,
    from: &[PathBuf],
) -> Result<Dataset, DataError> {
    if source.is_empty() {
        return Err(empty(files));
    }
    let place = match from {
        [one] => one.file_name().unwrap_or(one.as_os_str()).to_string_lossy().into_owned(),
        several => format!("{} files", several.len()),
    };
    let description = format!("{}: {} {what} {place}", files.name, source.len());
    let class_names = names::from_file(&files.directory)?.or(from_paths);
    Ok(Dataset { source, class_names, description })
}

fn empty(files: &ChannelFiles) -> DataError {
    DataError::EmptyChannel {
        channel: files.name.clone(),
        directory: files.directory.clone(),
        looked_for: "record in a .rec file, no line in a .lst file and no class folder with images",
    }
}

fn require_directory(channel: &str, directory: &Path) -> Result<(), DataError> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(DataError::MissingChannel { channel: channel.to_owned(), directory: directory.to_owned() })
}

/// The data files of a directory with an extension, in name order.
fn with_extension(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, DataError> {
    let entries = visible_entries(directory)?;
    let files = entries.iter().filter(|entry| is_data(entry, extension));
    Ok(files.map(|entry| directory.join(&entry.name)).collect())
}

/// Whether an entry is a file with the extension. Files of no bytes are markers, not data.
fn is_data(entry: &Entry, extension: &str) -> bool {
    matches!(entry.kind, Kind::File { bytes: 1.. }) && entry.extension() == extension
}

//! A channel's directory to a dataset.

use std::path::{Path, PathBuf};

use crate::damage::{Place, Skipped};
use crate::labels::LabelFormat;
use crate::source::{Access, Damaged, FolderSource, IdxSource, ListSource, RecordSource};
use crate::{Damage, DataError, Source};

mod contents;
pub(crate) mod directory;
mod names;
mod obstacle;
pub(crate) mod passed_over;

use contents::Contents;
use directory::visible_entries;
pub(crate) use obstacle::{Obstacle, OnObstacle};
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

/// How a channel is to be opened. The default suits files that lie on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options<'a> {
    /// The names of the training channel when a further one is opened: class folders are then numbered as there,
    /// even if this channel lacks some.
    pub classes: Option<&'a [String]>,
    /// What a list of labels means.
    pub label_format: LabelFormat,
    /// What happens to damaged samples.
    pub damage: Damage,
    /// How `.rec` files are read.
    pub access: Access,
}

/// The samples of a channel.
#[derive(Debug)]
pub struct Dataset {
    /// The samples by index; at least one.
    pub source: Box<dyn Source>,
    /// The names of the classes in the order of their labels, where the data tells them.
    pub class_names: Option<Vec<String>>,
    /// What a list of labels means.
    pub label_format: LabelFormat,
    /// What happens to damaged samples.
    pub damage: Damage,
    /// The damaged samples left out so far.
    pub skipped: Skipped,
    /// One line for the log, such as `train: 4000 records in train.rec`. Files that are not used are counted in it:
    /// those beside the records, or all but the images of class folders; none where lists say what is used.
    pub description: String,
}

impl Dataset {
    /// A dataset of `source` that fails at the first damage.
    pub fn new(source: Box<dyn Source>, description: String) -> Self {
        Self {
            source,
            class_names: None,
            label_format: LabelFormat::default(),
            damage: Damage::Fail,
            skipped: Skipped::default(),
            description,
        }
    }

    /// Leaves the sample `index` out if `error` says that it is damaged and such samples are to be left out.
    ///
    /// # Errors
    /// Otherwise `error` itself.
    pub(crate) fn skip(&self, index: usize, error: DataError) -> Result<(), DataError> {
        if self.damage == Damage::Fail || !error.is_damage() {
            return Err(error);
        }
        self.skipped.note(Place::Sample(index as u64), &error);
        Ok(())
    }
}

/// Opens a channel by what it holds, whatever content type was declared and whatever the files are called: RecordIO
/// files; else `.lst` files with images; else augmented manifests with images; else MNIST's IDX files; else one folder
/// per class. Hidden, empty and stray files do no harm. Where the top of the directory holds none of these,
/// the folders below it are searched.
///
/// # Errors
/// A directory that is missing or holds none of these, and damage in the record files or lists found, unless it
/// is to be skipped.
pub fn open(files: &ChannelFiles, options: &Options) -> Result<Dataset, DataError> {
    let skipped = Skipped::default();
    let mut met = 0;
    let mut leave_out = |obstacle: Obstacle| {
        let place = Place::Opening(met);
        met += 1;
        match obstacle {
            Obstacle::Record(Damaged { file, damage }) => {
                skipped.note(place, &format_args!("{file}: {damage}"));
            }
            Obstacle::Error(error) if options.damage == Damage::Skip && error.is_damage() => {
                skipped.note(place, &error);
            }
            Obstacle::Error(error) => return Err(error),
        }
        Ok(())
    };
    let dataset = open_past(files, options, &mut leave_out)?;
    if dataset.source.is_empty() {
        return Err(match skipped.first() {
            Some(first) => DataError::AllDamaged { channel: dataset.description, first },
            None => empty(files, &PassedOver::default()),
        });
    }
    Ok(Dataset { skipped, ..dataset })
}

/// Opens what [`open`] opens, past the obstacles that `obstacle` accepts; nothing may be left behind them.
/// Records are looked through for damage only if it is to be skipped.
pub(crate) fn open_past(
    files: &ChannelFiles,
    options: &Options,
    obstacle: &mut OnObstacle,
) -> Result<Dataset, DataError> {
    require_directory(&files.name, &files.directory)?;
    if let Some(directory) = &files.list_directory {
        let channel = format!("{}_lst", files.name);
        require_directory(&channel, directory)?;
        // Records in the image channel go before lists, as they always did.
        let contents =
            Contents { records: Contents::of(&files.directory)?.records, ..Contents::of(directory)? };
        return open_contents(files, &contents, options, obstacle)?.ok_or_else(|| DataError::EmptyChannel {
            channel,
            directory: directory.clone(),
            looked_for: ".lst file",
            found: String::new(),
        });
    }
    let contents = Contents::of(&files.directory)?;
    if let Some(dataset) = open_contents(files, &contents, options, obstacle)? {
        return Ok(dataset);
    }
    let folders = FolderSource::open(&files.directory)?;
    if !folders.is_empty() {
        return open_folders(files, folders, options);
    }
    let below = contents::below(&files.directory)?;
    open_contents(files, &below, options, obstacle)?.ok_or_else(|| empty(files, folders.passed_over()))
}

/// Whether a directory holds MNIST's IDX files of two sets, so that it is two channels at once.
pub fn holds_two_idx_sets(directory: &Path) -> Result<bool, DataError> {
    let contents = Contents::of(directory)?;
    Ok(contents.records.is_empty() && contents.lists.is_empty() && IdxSource::sets(&contents.idx)? > 1)
}

/// The dataset of the best kind of files there is; `None` if there is none.
fn open_contents(
    files: &ChannelFiles,
    contents: &Contents,
    options: &Options,
    obstacle: &mut OnObstacle,
) -> Result<Option<Dataset>, DataError> {
    let Contents { records, lists, manifests, idx } = contents;
    let opened = if !records.is_empty() {
        Opened {
            source: open_records(records, options, obstacle)?,
            names: None,
            what: "records in",
            from: records,
        }
    } else if !lists.is_empty() {
        let source = ListSource::open(lists, &files.directory, obstacle)?;
        let names = names::from_paths(source.entries());
        Opened { source: Box::new(source), names, what: "images listed in", from: lists }
    } else if !manifests.is_empty() {
        let (source, names) = ListSource::open_manifests(manifests, &files.directory, obstacle)?;
        let what = "images listed in the augmented manifest";
        Opened { source: Box::new(source), names, what, from: manifests }
    } else if !idx.is_empty() {
        let (source, used) = IdxSource::open(idx, &files.name)?;
        let opened = Opened { source: Box::new(source), names: None, what: "MNIST images in", from: &used };
        return opened.dataset(files, options, obstacle).map(Some);
    } else {
        return Ok(None);
    };
    let mut dataset = opened.dataset(files, options, obstacle)?;
    if !records.is_empty() {
        dataset.description += &beside(records, &files.directory)?.to_string();
    }
    Ok(Some(dataset))
}

fn open_records(
    records: &[PathBuf],
    options: &Options,
    obstacle: &mut OnObstacle,
) -> Result<Box<dyn Source>, DataError> {
    if options.damage == Damage::Fail {
        return Ok(Box::new(RecordSource::open(records, options.access)?));
    }
    let (source, damaged) = RecordSource::survey(records, options.access)?;
    for damaged in damaged {
        obstacle(Obstacle::Record(damaged))?;
    }
    Ok(Box::new(source))
}

/// What lies in the directory of the records and is not used.
fn beside(records: &[PathBuf], directory: &Path) -> Result<PassedOver, DataError> {
    let mut passed_over = PassedOver::default();
    for entry in visible_entries(directory)? {
        let is_used = records.iter().any(|path| path.file_name().is_some_and(|name| *name == *entry.name));
        if !is_used && entry.name != names::FILE {
            passed_over.add(&entry);
        }
    }
    Ok(passed_over)
}

fn open_folders(
    files: &ChannelFiles,
    mut source: FolderSource,
    options: &Options,
) -> Result<Dataset, DataError> {
    let (name, folders, others) = (&files.name, source.folders().len(), source.passed_over());
    let description = format!("{name}: {} images in {folders} class folders{others}", source.len());
    if let Some(classes) = options.classes {
        source.renumber(classes).map_err(|folder| DataError::UnknownClass {
            channel: files.name.clone(),
            folder,
            known: classes.join(", "),
        })?;
    }
    let class_names = Some(source.folders().to_vec());
    let dataset = Dataset::new(Box::new(source), description);
    Ok(Dataset { class_names, damage: options.damage, ..dataset })
}

/// The samples of files of one kind.
struct Opened<'a> {
    source: Box<dyn Source>,
    /// Class names read out of the data.
    names: Option<Vec<String>>,
    /// What they are, for the log.
    what: &'static str,
    from: &'a [PathBuf],
}

impl Opened<'_> {
    fn dataset(
        self,
        files: &ChannelFiles,
        options: &Options,
        obstacle: &mut OnObstacle,
    ) -> Result<Dataset, DataError> {
        let place = match self.from {
            [one] => one.file_name().unwrap_or(one.as_os_str()).to_string_lossy().into_owned(),
            several => format!("{} files", several.len()),
        };
        let description = format!("{}: {} {} {place}", files.name, self.source.len(), self.what);
        let written = match names::from_file(&files.directory) {
            Err(error) => obstacle(Obstacle::Error(error)).map(|()| None)?,
            Ok(names) => names,
        };
        // Names written down by the user go before names read out of the data.
        let class_names = written.or(self.names);
        let dataset = Dataset::new(self.source, description);
        Ok(Dataset { class_names, label_format: options.label_format, damage: options.damage, ..dataset })
    }
}

fn empty(files: &ChannelFiles, passed_over: &PassedOver) -> DataError {
    let found = passed_over.to_string();
    DataError::EmptyChannel {
        channel: files.name.clone(),
        directory: files.directory.clone(),
        looked_for: "record in a .rec file, no line in a .lst file or manifest, no IDX file and no class folder with images",
        found: if found.is_empty() { found } else { format!(" ({})", found.trim_start_matches([',', ' '])) },
    }
}

fn require_directory(channel: &str, directory: &Path) -> Result<(), DataError> {
    if directory.is_dir() {
        return Ok(());
    }
    Err(DataError::MissingChannel { channel: channel.to_owned(), directory: directory.to_owned() })
}

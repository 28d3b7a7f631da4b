//! What can go wrong between a channel and a batch.

use std::io;
use std::path::PathBuf;

use brazier_image::ImageError;
use brazier_mxnet::image_record::HeaderError;
use brazier_mxnet::lst::ListError;
use brazier_mxnet::recordio::RecordError;

use crate::Origin;

/// Why a channel could not be opened or a batch not be made.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The channel's directory does not exist.
    #[error("channel '{channel}' is missing: there is no directory {}", directory.display())]
    MissingChannel {
        /// Name of the channel.
        channel: String,
        /// Where it should be.
        directory: PathBuf,
    },
    /// The channel's directory holds nothing to train on.
    #[error("channel '{channel}' is empty: {} holds no {looked_for}{found}", directory.display())]
    EmptyChannel {
        /// Name of the channel.
        channel: String,
        /// Where was looked.
        directory: PathBuf,
        /// What would have done.
        looked_for: &'static str,
        /// What is there instead, in brackets, or nothing.
        found: String,
    },
    /// The machine failed to read; nothing is known to be wrong with the data.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A record file is damaged, or is no record file.
    #[error("{file}: {source}")]
    Record {
        /// Name of the record file.
        file: String,
        /// With the offset.
        source: RecordError,
    },
    /// A record does not hold a labelled image.
    #[error("{origin}: {source}")]
    Header {
        /// The record.
        origin: Origin,
        /// What its header lacks.
        source: HeaderError,
    },
    /// A line of an image list is unusable.
    #[error("{file}: {source}")]
    List {
        /// Name of the list.
        file: String,
        /// With the line.
        source: ListError,
    },
    /// A line of an augmented manifest is unusable.
    #[error("{file} line {line}: {reason}")]
    Manifest {
        /// Name of the manifest.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong there, and what was expected.
        reason: String,
    },
    /// An IDX file of MNIST's kind is unusable.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A list names a file outside the image channel.
    #[error("{origin}: the path leaves the image directory; expected one relative to it, without '..'")]
    PathOutside {
        /// The line.
        origin: Origin,
    },
    /// A list names a file that is not there.
    #[error("{origin}: there is no such image file in {}", directory.display())]
    MissingImage {
        /// The line.
        origin: Origin,
        /// The image channel's directory.
        directory: PathBuf,
    },
    /// A list names a file that holds nothing.
    #[error("{origin}: the image file in {} is empty: found 0 bytes, expected an encoded image", directory.display())]
    EmptyImage {
        /// The line.
        origin: Origin,
        /// The image channel's directory.
        directory: PathBuf,
    },
    /// A class folder that the training channel does not have.
    #[error(
        "channel '{channel}': folder '{folder}' is no class of the training channel, whose classes are {known}"
    )]
    UnknownClass {
        /// Name of the channel.
        channel: String,
        /// The folder.
        folder: String,
        /// The class names, separated by commas.
        known: String,
    },
    /// A `classes.txt` is unusable.
    #[error("{}, line {line}: {reason}; expected one class name a line, the first for label 0", path.display())]
    ClassNames {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// An image does not decode, or is too large.
    #[error("{origin}: {source}")]
    Image {
        /// The image.
        origin: Origin,
        /// What is wrong with it.
        source: ImageError,
    },
    /// A sample with no label or several, where one class is wanted.
    #[error("{origin}: found {found} labels, expected one class number")]
    LabelCount {
        /// The sample.
        origin: Origin,
        /// How many it has.
        found: usize,
    },
    /// A sample with another number of labels than there are classes, where there should be a 0 or 1 for each.
    #[error(
        "{origin}: Mismatch between number of labels in the multi-label data ({found}) and the num_classes parameter ({expected})."
    )]
    LabelWidth {
        /// The sample.
        origin: Origin,
        /// How many labels it has.
        found: usize,
        /// How many classes there are.
        expected: usize,
    },
    /// A label that is not one of the classes.
    #[error("{origin}: label {found} is not a class number, expected a whole number from 0 to {last}")]
    Label {
        /// The sample.
        origin: Origin,
        /// Its label.
        found: f32,
        /// The largest valid one.
        last: u64,
    },
    /// A channel in which no sample is whole.
    #[error("channel '{channel}': all of its samples are damaged, the first: {first}")]
    AllDamaged {
        /// Name of the channel, or its description.
        channel: String,
        /// What is wrong with the first.
        first: String,
    },
    /// A pipe that the platform did not make in time.
    #[error("the pipe {} did not appear within {seconds} seconds: the platform makes one for each pass over a channel in Pipe mode", path.display())]
    PipeMissing {
        /// The pipe.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// A pipe that ended without a sample.
    #[error(
        "{pipe}: Got empty batch from pipe. Please check if the manifest file contains valid batches and the value of training job parameter AttributeNames matches attributes names in the augmented manifest."
    )]
    PipeEmpty {
        /// Name of the pipe.
        pipe: String,
    },
    /// The records of a pipe are neither labelled images nor pairs of image and label.
    #[error("{origin}: {reason}")]
    PipeContent {
        /// The record.
        origin: Origin,
        /// What was found, and what was expected.
        reason: String,
    },
    /// Training was told to stop while it waited for data.
    #[error("stopped while waiting for data")]
    Stopped,
    /// An index past the end of a source: the caller's mistake.
    #[error("there is no sample {index}: the channel has {len}")]
    Index {
        /// The index asked for.
        index: usize,
        /// The number of samples.
        len: usize,
    },
    /// A decoder panicked.
    #[error("{origin}: decoding failed unexpectedly: {reason}")]
    Panic {
        /// The image.
        origin: Origin,
        /// The panic's message.
        reason: String,
    },
    /// The threads could not be started, or died.
    #[error("the data loading threads failed: {reason}")]
    Threads {
        /// Why.
        reason: String,
    },
}

impl DataError {
    /// Whether changing the data or the request would help: SageMaker calls it a `ClientError`. What remains is
    /// trouble of the machine or a fault of this program.
    pub fn is_user_fault(&self) -> bool {
        match self {
            Self::Io { .. }
            | Self::Index { .. }
            | Self::Panic { .. }
            | Self::Threads { .. }
            | Self::PipeMissing { .. }
            | Self::Stopped => false,
            Self::Record { source, .. } => !matches!(source, RecordError::Io { .. }),
            _ => true,
        }
    }

    /// Whether one sample is damaged, so that leaving it out would help. Wrong labels are no damage: a user who swaps
    /// columns must hear of it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Record { source, .. } => !matches!(source, RecordError::Io { .. }),
            Self::Header { .. }
            | Self::Image { .. }
            | Self::MissingImage { .. }
            | Self::EmptyImage { .. }
            | Self::Panic { .. } => true,
            _ => false,
        }
    }
}

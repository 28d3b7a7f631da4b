//! What can end a run.

use std::path::PathBuf;

/// Why training stopped without a model, or without the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Samples that cannot be read.
    #[error(transparent)]
    Data(#[from] brazier_data::DataError),
    /// A network that cannot be built or written.
    #[error(transparent)]
    Model(#[from] brazier_model::ModelError),
    /// A file of the artifact that cannot be written.
    #[error(transparent)]
    Commit(#[from] brazier_checkpoint::commit::CommitError),
    /// Another rank is gone.
    #[error(transparent)]
    Collective(#[from] brazier_collective::CollectiveError),
    /// The checkpoint folder cannot be used.
    #[error(transparent)]
    Folder(#[from] brazier_checkpoint::folder::FolderError),
    /// A checkpoint that the run cannot go on from.
    #[error("{reason}")]
    Checkpoint {
        /// What is amiss.
        reason: String,
    },
    /// A checkpoint that the user named and that cannot be gone on from.
    #[error("{reason}")]
    NamedCheckpoint {
        /// What is amiss.
        reason: String,
    },
    /// A checkpoint of another run.
    #[error(
        "{path}: the checkpoint is that of another job: {differences}. Expected the same, an empty checkpoint folder, or --fresh."
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// Both values of each difference.
        differences: String,
    },
    /// The artifact's folder cannot be read.
    #[error("{path}: cannot read the model folder: {source}")]
    ReadFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An earlier weights file that cannot be taken away.
    #[error("{path}: cannot remove the weights of an earlier epoch: {source}")]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Fewer samples than one step takes.
    #[error(
        "The number of input images must be bigger or equal to the mini_batch_size. Found {samples} images for {batch} a step ({ranks} rank(s))."
    )]
    TooFewSamples {
        /// Samples an epoch.
        samples: usize,
        /// Samples a step takes over all ranks.
        batch: usize,
        /// Ranks that share a step.
        ranks: usize,
    },
    /// The device's memory does not hold a step, not even in twice as many parts.
    #[error(
        "the device's memory does not hold a step: {reason}; expected a smaller mini_batch_size or image_shape, or a larger gradient_accumulation"
    )]
    Memory {
        /// What the device says.
        reason: String,
    },
    /// The device does not compute any more.
    #[error("the device failed: {reason}")]
    Device {
        /// What it says.
        reason: String,
    },
    /// Ranks that meet in every batch norm and would compute their images in other numbers of parts.
    #[error(
        "gradient_accumulation is {parts} with sync_batch_norm=1 and {batch} images a step: expected at most {least}, which is \
         what some of the {ranks} ranks have, or equally many images for all of them"
    )]
    UnevenParts {
        /// Parts that each rank computes its images in.
        parts: usize,
        /// Samples a step takes over all ranks.
        batch: usize,
        /// Samples of a step that the ranks with the fewest have.
        least: usize,
        /// Ranks that share a step.
        ranks: usize,
    },
    /// Fewer images in a step than ranks.
    #[error("a step of {batch} images for {ranks} ranks: expected one image or more for each")]
    TooManyRanks {
        /// Samples a step takes over all ranks.
        batch: usize,
        /// Ranks that share a step.
        ranks: usize,
    },
}

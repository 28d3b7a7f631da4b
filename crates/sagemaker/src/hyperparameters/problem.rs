//! What can be wrong with a job's hyperparameters.
//!
//! The wording is that of the built-in algorithm where public logs show it, because users search for it.

use std::fmt;

use thiserror::Error;

use super::ImageShape;

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// A key the table does not have.
    #[error("Additional hyperparameters are not allowed ('{name}' was unexpected){}", hint(*.nearest))]
    Unknown {
        /// The key.
        name: String,
        /// What was probably meant.
        nearest: Option<&'static str>,
    },
    /// A required key that is absent or empty.
    #[error("No value(s) were specified for '{name}' which are required hyperparameter(s)")]
    Missing {
        /// The key.
        name: &'static str,
    },
    /// A value of the wrong form or out of range.
    #[error("The value '{value}' is not valid for the '{name}' hyperparameter which expects {expects}")]
    Invalid {
        /// The key.
        name: &'static str,
        /// The value, shortened.
        value: String,
        /// Form and range.
        expects: String,
    },
    /// A step larger than an epoch.
    #[error(
        "The number of input images must be bigger or equal to the mini_batch_size. \
         (num_training_samples is {samples}, mini_batch_size is {batch})"
    )]
    BatchTooLarge {
        /// `num_training_samples`.
        samples: usize,
        /// `mini_batch_size`.
        batch: usize,
    },
    /// A batch that no machine would hold: the system would end the job without a word.
    #[error(
        "mini_batch_size ({batch}) images of image_shape {shape} are {bytes} bytes of pixels, \
         more than the {limit} bytes that a batch may have"
    )]
    BatchTooManyBytes {
        /// `mini_batch_size`.
        batch: usize,
        /// `image_shape`.
        shape: ImageShape,
        /// What the batch's pixels take, one byte for each channel.
        bytes: u64,
        /// The most they may take.
        limit: u64,
    },
    /// A checkpoint that would never be written.
    #[error("checkpoint_frequency ({frequency}) must not be larger than epochs ({epochs})")]
    CheckpointAfterEnd {
        /// `checkpoint_frequency`.
        frequency: usize,
        /// `epochs`.
        epochs: usize,
    },
    /// A warm-up that leaves no epoch for training at the full rate.
    #[error("warmup_epochs is {warmup}, expected fewer than epochs, which is {epochs}")]
    WarmupToTheEnd {
        /// `warmup_epochs`.
        warmup: usize,
        /// `epochs`.
        epochs: usize,
    },
    /// Parts of a batch that would hold no image.
    #[error("gradient_accumulation is {parts}, expected at most mini_batch_size, which is {batch}")]
    MorePartsThanImages {
        /// `gradient_accumulation`.
        parts: usize,
        /// `mini_batch_size`.
        batch: usize,
    },
    /// A part to freeze that the network does not have.
    #[error(
        "freeze=stage4: a network of {layers} layers has 3 stages, expected stem, stage1 to stage3, or body"
    )]
    NoSuchStage {
        /// `num_layers`.
        layers: u32,
    },
    /// A depth for which no ImageNet weights exist.
    #[error(
        "use_pretrained_model needs num_layers to be one of 18, 34, 50, 101, 152, 200, but it is {layers}"
    )]
    NotPretrained {
        /// `num_layers`.
        layers: u32,
    },
    /// A depth that torchvision's ResNets do not have.
    #[error("resnet_version 1.5 needs num_layers to be one of 18, 34, 50, 101, 152, but it is {layers}")]
    NotInVersion {
        /// `num_layers`.
        layers: u32,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean '{name}'?")).unwrap_or_default()
}

/// All problems of a job, found in one go; never empty. Displays on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

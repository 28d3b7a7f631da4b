//! The hyperparameters of a training job, typed and checked.
//!
//! [`table::TABLE`] declares each name once. [`parse`] turns the platform's string map into
//! [`Hyperparameters`]; [`markdown`] writes the table out for people.

mod choice;
mod kind;
mod markdown;
mod parse;
mod problem;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod warnings;

use std::collections::BTreeMap;
use std::fmt;

pub use choice::{
    Augmentation, ComputeDtype, DamagedSamples, Freeze, GradientFormat, KvStore, LearningRateSchedule,
    Optimizer, Precision, ResnetVersion,
};
pub use kind::Kind;
pub use markdown::markdown;
pub use parse::{is_true, parse, read};
pub use problem::{Problem, Problems};
pub use table::{Hyperparameter, Origin, TABLE};
pub use value::python_float;

/// Everything a training job can be told, after defaults and checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperparameters {
    /// Width of the output layer; labels lie in `0..num_classes`.
    pub num_classes: usize,
    /// Training samples that make one epoch, over all hosts.
    pub num_training_samples: usize,
    /// Depth of the ResNet; it chooses the family as well.
    pub num_layers: u32,
    /// Whose ResNet it is; `None` when the user did not say.
    pub resnet_version: Option<ResnetVersion>,
    /// Network input.
    pub image_shape: ImageShape,
    /// Passes over the training data.
    pub epochs: usize,
    /// Samples in a step on one host.
    pub mini_batch_size: usize,
    /// Step size before any schedule.
    pub learning_rate: f64,
    /// Epochs, strictly increasing, after which the rate is multiplied; empty for a constant rate.
    pub lr_scheduler_step: Vec<usize>,
    /// What the rate is multiplied by at each of those epochs.
    pub lr_scheduler_factor: f64,
    /// Momentum of `sgd` and `nag`.
    pub momentum: f64,
    /// L2 coefficient.
    pub weight_decay: f64,
    /// Update rule.
    pub optimizer: Optimizer,
    /// Random changes to training images; `None` for a centre crop only.
    pub augmentation_type: Option<Augmentation>,
    /// Shortest side, in pixels, that a training image is scaled to before the crop.
    pub resize: Option<u32>,
    /// Also report accuracy among the `top_k` most likely classes; never 1, and never with `multi_label`.
    pub top_k: Option<usize>,
    /// Epochs between parameter files; `None` keeps the best epoch only.
    pub checkpoint_frequency: Option<usize>,
    /// When to end before `epochs`; `None` never.
    pub early_stopping: Option<EarlyStopping>,
    /// One independent probability for each class instead of one class for each image.
    pub multi_label: bool,
    /// Weight the loss of rare classes up; only with `multi_label`.
    pub use_weighted_loss: bool,
    /// How the learning rate falls.
    pub lr_schedule: LearningRateSchedule,
    /// Epochs over which it first rises.
    pub warmup_epochs: usize,
    /// Share of each label that goes to all classes equally.
    pub label_smoothing: f64,
    /// The alpha of mixup; 0 is off.
    pub mixup: f64,
    /// How much of the moving average of the weights stays at each step; 0 keeps the last weights.
    pub ema_decay: f64,
    /// Parts in which a batch is computed.
    pub gradient_accumulation: usize,
    /// The first parts of the network that do not learn.
    pub freeze: Freeze,
    /// Number format of the convolutions.
    pub compute_dtype: ComputeDtype,
    /// Match the classes of a model that the job goes on from with the data's by name.
    pub match_classes: bool,
    /// Start from ImageNet weights.
    pub use_pretrained_model: bool,
    /// Number format of the weights while training.
    pub precision_dtype: Precision,
    /// How hosts combine gradients; `None` when the user did not say.
    pub kv_store: Option<KvStore>,
    /// Decay of adam's first moment.
    pub beta_1: f64,
    /// Decay of adam's second moment.
    pub beta_2: f64,
    /// Keeps adam and rmsprop from dividing by zero.
    pub eps: f64,
    /// Decay of rmsprop's mean square.
    pub gamma: f64,
    /// Whether every epoch has an order of its own.
    pub shuffle: bool,
    /// What a damaged sample does.
    pub damaged_samples: DamagedSamples,
    /// Whether validation and endpoint images are squashed, as the built-in's endpoint does.
    pub compat: bool,
    /// Whether large JPEG images are decoded at a part of their size.
    pub fast_decode: bool,
    /// What one image may cost.
    pub image_limits: ImageLimits,
    /// Shortest time between two saves of the run's state, in seconds.
    pub checkpoint_min_seconds: u64,
    /// Longest time between them.
    pub checkpoint_max_seconds: u64,
    /// Number format in which gradients travel between hosts.
    pub gradient_format: GradientFormat,
    /// Whether batch norm counts the images of all ranks.
    pub sync_batch_norm: bool,
    /// How long hosts wait for each other at the start.
    pub rendezvous_seconds: u64,
    /// How long a host may be silent.
    pub peer_silence_seconds: u64,
    /// How long a host may keep the others waiting.
    pub peer_stall_seconds: u64,
    /// Seed of every random choice.
    pub seed: u64,
    /// What was accepted but is worth telling the user, one sentence each.
    pub warnings: Vec<String>,
}

/// Size of the network input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 (grey) or 3 (RGB).
    pub channels: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Pixels from left to right.
    pub width: u32,
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.channels, self.height, self.width)
    }
}

/// What one image may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Width x height.
    pub pixels: u64,
    /// Bytes as encoded.
    pub bytes: u64,
    /// Bytes while it is decoded.
    pub allocation: u64,
}

/// When training ends because validation accuracy no longer improves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyStopping {
    /// Epochs that always run.
    pub min_epochs: usize,
    /// Epochs in a row without improvement that end training.
    pub patience: usize,
    /// Relative gain below which an epoch counts as no improvement.
    pub tolerance: f64,
}

impl Hyperparameters {
    /// Name to text, for logs and for the artifact; what is unset is left out. [`parse`] of the result gives
    /// the same hyperparameters again, without the warnings.
    pub fn as_map(&self) -> BTreeMap<&'static str, String> {
        TABLE.iter().filter_map(|row| Some((row.name, self.text(row.name)?))).collect()
    }

    fn text(&self, name: &str) -> Option<String> {
        let flag = |on: bool| Some(if on { "1" } else { "0" }.to_string());
        match name {
            "num_classes" => Some(self.num_classes.to_string()),
            "num_training_samples" => Some(self.num_training_samples.to_string()),
            "num_layers" => Some(self.num_layers.to_string()),
            "resnet_version" => self.resnet_version.map(|version| version.to_string()),
            "image_shape" => Some(self.image_shape.to_string()),
            "epochs" => Some(self.epochs.to_string()),
            "mini_batch_size" => Some(self.mini_batch_size.to_string()),
            "learning_rate" => Some(python_float(self.learning_rate)),
            "lr_scheduler_step" => self.steps(),
            "lr_scheduler_factor" => Some(python_float(self.lr_scheduler_factor)),
            "momentum" => Some(python_float(self.momentum)),
            "weight_decay" => Some(python_float(self.weight_decay)),
            "optimizer" => Some(self.optimizer.to_string()),
            "augmentation_type" => self.augmentation_type.map(|kind| kind.to_string()),
            "resize" => self.resize.map(|side| side.to_string()),
            "top_k" => self.top_k.map(|k| k.to_string()),
            "checkpoint_frequency" => self.checkpoint_frequency.map(|epochs| epochs.to_string()),
            "early_stopping" => {
                Some(if self.early_stopping.is_some() { "True" } else { "False" }.to_string())
            }
            "early_stopping_min_epochs" => self.early_stopping.map(|rule| rule.min_epochs.to_string()),
            "early_stopping_patience" => self.early_stopping.map(|rule| rule.patience.to_string()),
            "early_stopping_tolerance" => self.early_stopping.map(|rule| python_float(rule.tolerance)),
            "multi_label" => flag(self.multi_label),
            "use_weighted_loss" => flag(self.use_weighted_loss),
            "lr_schedule" => Some(self.lr_schedule.to_string()),
            "warmup_epochs" => Some(self.warmup_epochs.to_string()),
            "label_smoothing" => Some(python_float(self.label_smoothing)),
            "mixup" => Some(python_float(self.mixup)),
            "ema_decay" => Some(python_float(self.ema_decay)),
            "gradient_accumulation" => Some(self.gradient_accumulation.to_string()),
            "freeze" => Some(self.freeze.to_string()),
            "compute_dtype" => Some(self.compute_dtype.to_string()),
            "match_classes" => flag(self.match_classes),
            "use_pretrained_model" => flag(self.use_pretrained_model),
            "precision_dtype" => Some(self.precision_dtype.to_string()),
            "kv_store" => self.kv_store.map(|store| store.to_string()),
            "beta_1" => Some(python_float(self.beta_1)),
            "beta_2" => Some(python_float(self.beta_2)),
            "eps" => Some(python_float(self.eps)),
            "gamma" => Some(python_float(self.gamma)),
            "shuffle" => Some(if self.shuffle { "True" } else { "False" }.to_string()),
            "damaged_samples" => Some(self.damaged_samples.to_string()),
            "compat" => flag(self.compat),
            "fast_decode" => flag(self.fast_decode),
            "max_image_pixels" => Some(self.image_limits.pixels.to_string()),
            "max_image_bytes" => Some(self.image_limits.bytes.to_string()),
            "max_image_allocation" => Some(self.image_limits.allocation.to_string()),
            "checkpoint_min_seconds" => Some(self.checkpoint_min_seconds.to_string()),
            "checkpoint_max_seconds" => Some(self.checkpoint_max_seconds.to_string()),
            "gradient_format" => Some(self.gradient_format.to_string()),
            "sync_batch_norm" => flag(self.sync_batch_norm),
            "rendezvous_seconds" => Some(self.rendezvous_seconds.to_string()),
            "peer_silence_seconds" => Some(self.peer_silence_seconds.to_string()),
            "peer_stall_seconds" => Some(self.peer_stall_seconds.to_string()),
            "seed" => Some(self.seed.to_string()),
            _ => None,
        }
    }

    /// `lr_scheduler_step` as the user writes it, `10,20`.
    pub(crate) fn steps(&self) -> Option<String> {
        let epochs: Vec<String> = self.lr_scheduler_step.iter().map(ToString::to_string).collect();
        (!epochs.is_empty()).then(|| epochs.join(","))
    }
}

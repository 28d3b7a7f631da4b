//! A job, resolved: everything the loop needs and nothing it has to look up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brazier_collective::Wire;
use brazier_image::augment::TrainTransform;
use brazier_image::preprocess::Preprocess;
use brazier_model::freeze::Frozen;
use brazier_model::{Layout, ResNet, native};
use burn::tensor::Device;

use crate::checkpoint::Cadence;
use crate::early_stop::EarlyStopping;
use crate::optimizer::Rule;
use crate::report::PROGRESS;
use crate::schedule::Schedule;

/// Number format of the convolutions. Weights, statistics, the last layer and the loss are float32 with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// Single precision.
    #[default]
    Float32,
    /// The range of float32 with 8 bits of precision.
    Bfloat16,
    /// 11 bits of precision; the loss is scaled so that gradients stay in its range.
    Float16,
}

impl Compute {
    /// What our kernels multiply.
    pub fn factors(self) -> native::Format {
        match self {
            Compute::Bfloat16 => native::Format::Bfloat16,
            Compute::Float32 | Compute::Float16 => native::Format::Float32,
        }
    }

    /// Whether images go into the network as float32 on a device: our kernels round what they multiply themselves.
    pub fn stays_float32(self, device: &Device) -> bool {
        match self {
            Compute::Float32 => true,
            Compute::Bfloat16 => native::computes(device),
            Compute::Float16 => false,
        }
    }
}

/// How the state of a run is kept.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// The folder.
    pub folder: PathBuf,
    /// How often.
    pub cadence: Cadence,
    /// The checkpoint to go on from; unset: the newest of the folder.
    pub from: Option<PathBuf>,
    /// Begin anew whatever the folder holds.
    pub fresh: bool,
}

/// How the loop spares its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What steps saw is fetched after every so many: each fetch waits for all that was asked of the device.
    pub read_every: usize,
    /// Short batches are filled up: kernels are compiled and chosen for each shape.
    pub whole_batches: bool,
}

impl Pace {
    /// Of a processor, which is asked and answers in the same thread.
    pub const CPU: Pace = Pace { read_every: 1, whole_batches: false };

    /// Of a GPU: read back when the log has a line of it.
    pub const GPU: Pace = Pace { read_every: PROGRESS, whole_batches: true };
}

/// What is to be trained and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// The network.
    pub layout: Layout,
    /// Channels, height and width of its input.
    pub shape: [usize; 3],
    /// Weights to begin with, on the device with autodiff; unset: random ones.
    pub initial: Option<ResNet>,
    /// Where it is trained, without autodiff.
    pub device: Device,
    /// How its device is spared.
    pub pace: Pace,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Images of a step over all ranks.
    pub batch: usize,
    /// Samples that make an epoch, over all ranks; the channel may hold more or fewer.
    pub samples_per_epoch: usize,
    /// Learning rate by update.
    pub schedule: Schedule,
    /// With several labels: what the loss of each class counts where an image has it; unset: 1.
    pub positive_weights: Option<Vec<f32>>,
    /// Share of each label that goes to all classes equally while training.
    pub label_smoothing: f64,
    /// How gradients move the weights.
    pub optimizer: Rule,
    /// The first parts of the network that do not learn.
    pub frozen: Frozen,
    /// How strongly images and labels of a batch are blended, the alpha of mixup; 0: not at all.
    pub mixup: f64,
    /// How much of the average of all weights stays at each step, if the average is what is kept.
    pub ema_decay: Option<f64>,
    /// Parts in which a batch is computed, one after the other.
    pub gradient_accumulation: usize,
    /// Number format of the convolutions.
    pub compute: Compute,
    /// Number format in which gradients travel between ranks.
    pub wire: Wire,
    /// Whether batch norm counts the images of all ranks.
    pub sync_batch_norm: bool,
    /// From which initial weights, sample order and augmentation follow.
    pub seed: u64,
    /// Whether each epoch has an order of its own; off, samples come as stored.
    pub shuffle: bool,
    /// Encoded bytes to a training image.
    pub transform: TrainTransform,
    /// Encoded bytes to a validation image; the artifact tells an endpoint to do the same.
    pub preprocess: Preprocess,
    /// Also count labels among the k most likely classes while training.
    pub top_k: Option<usize>,
    /// When to end before the last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Keep the weights of every so many epochs; unset: of the best epoch.
    pub checkpoint_frequency: Option<usize>,
    /// The artifact's folder.
    pub model_directory: PathBuf,
    /// Where the state of the run is kept, and how often; unset: nowhere.
    pub checkpoints: Option<Checkpoints>,
    /// Batches looked at in an evaluation; unset: all.
    pub evaluation_batches: Option<usize>,
    /// Where `report.json` and `report.html` go; unset: nowhere.
    pub report_directory: Option<PathBuf>,
    /// Names of the classes, for the artifact.
    pub class_names: Option<Vec<String>>,
    /// The job's hyperparameters as text, for the artifact.
    pub hyperparameters: BTreeMap<String, String>,
}

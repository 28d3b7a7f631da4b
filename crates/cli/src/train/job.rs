//! Hyperparameters to what the loop takes.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use brazier_collective::Wire;
use brazier_data::steps_per_epoch;
use brazier_image::{Augmentation, InputShape, Preprocess, TrainTransform};
use brazier_model::Layout;
use brazier_model::device::Kind;
use brazier_model::freeze::Frozen;
use brazier_model::layout::Output;
use brazier_sagemaker::hyperparameters::{self, Freeze, GradientFormat, Hyperparameters};
use brazier_train::Job;
use brazier_train::early_stop::EarlyStopping;
use brazier_train::job::{Checkpoints, Pace};
use brazier_train::optimizer::Rule;
use brazier_train::schedule::{Decay, Schedule};
use burn::tensor::Device;

use super::channels::{ClassCounts, Datasets};
use super::precision;
use super::start::Start;
use super::version;
use crate::fault::client;

/// Where a job leaves its files.
pub struct Folders {
    /// The artifact.
    pub model: PathBuf,
    /// Figures and pictures of the run.
    pub report: PathBuf,
    /// The state of the run, if it is kept.
    pub checkpoints: Option<Checkpoints>,
}

/// The job of `read` on `hosts` hosts and on `datasets`, whose `counts` are known unless the training channel is a pipe, going on from `start`,
/// on a device of that kind.
///
/// # Errors
/// A network that cannot be built; a weighted loss on a pipe; a part to freeze that is not there.
pub fn job(
    read: &Hyperparameters,
    hosts: usize,
    datasets: &Datasets,
    counts: Option<&ClassCounts>,
    start: Option<Start>,
    folders: Folders,
    (device, kind): (&Device, Kind),
) -> anyhow::Result<Job> {
    let shape = InputShape::new(read.image_shape.channels, read.image_shape.height, read.image_shape.width);
    let extents = [shape.channels, shape.height, shape.width].map(|extent| extent as usize);
    let augmentation = match read.augmentation_type {
        None => Augmentation::None,
        Some(hyperparameters::Augmentation::Crop) => Augmentation::Crop,
        Some(hyperparameters::Augmentation::CropColor) => Augmentation::CropColor,
        Some(hyperparameters::Augmentation::CropColorTransform) => Augmentation::CropColorTransform,
    };
    let preprocess = match read.compat {
        true => Preprocess::squash(shape),
        false => Preprocess::center_crop(shape, read.resize),
    };
    let fast_decode = read.fast_decode;
    let output = if read.multi_label { Output::Logistic } else { Output::Softmax };
    let class_names = datasets.class_names(read.num_classes).or_else(|| {
        let names = start.as_ref()?.class_names()?;
        (names.len() == read.num_classes).then(|| names.to_vec())
    });
    let (layout, initial) = match start {
        None => {
            let layout = Layout::resnet(read.num_layers, extents, read.num_classes)?.with_output(output);
            (layout.with_architecture(version::architecture(read.resnet_version))?, None)
        }
        Some(start) => {
            let (layout, artifact) = start.into_artifact();
            (layout, Some(artifact.into_network(&device.clone().autodiff())?))
        }
    };
    let frozen = frozen(read.freeze, layout.stages.len())?;
    Ok(Job {
        layout: layout.with_format(precision::format(read, kind)),
        shape: extents,
        initial,
        device: device.clone(),
        pace: if kind == Kind::Cpu { Pace::CPU } else { Pace::GPU },
        epochs: read.epochs,
        batch: read.mini_batch_size * hosts,
        samples_per_epoch: read.num_training_samples,
        schedule: Schedule {
            base: read.learning_rate,
            decay: match read.lr_schedule {
                hyperparameters::LearningRateSchedule::Step => {
                    Decay::Steps { factor: read.lr_scheduler_factor, epochs: read.lr_scheduler_step.clone() }
                }
                hyperparameters::LearningRateSchedule::Cosine => Decay::Cosine { epochs: read.epochs },
            },
            warmup_epochs: read.warmup_epochs,
            updates_per_epoch: steps_per_epoch(read.num_training_samples, read.mini_batch_size * hosts),
        },
        positive_weights: positive_weights(read, counts)?,
        label_smoothing: read.label_smoothing,
        optimizer: rule(read),
        frozen,
        mixup: read.mixup,
        ema_decay: (read.ema_decay > 0.0).then_some(read.ema_decay),
        gradient_accumulation: read.gradient_accumulation,
        compute: precision::compute(read, kind).0,
        wire: match read.gradient_format {
            GradientFormat::Float32 => Wire::Float32,
            GradientFormat::Float16 => Wire::Float16,
        },
        sync_batch_norm: read.sync_batch_norm,
        seed: read.seed,
        shuffle: read.shuffle,
        transform: TrainTransform { shape, resize: read.resize, augmentation, fast_decode },
        preprocess: Preprocess { fast_decode, ..preprocess },
        top_k: read.top_k,
        early_stopping: read.early_stopping.map(|rule| EarlyStopping {
            min_epochs: rule.min_epochs,
            patience: rule.patience,
            tolerance: rule.tolerance,
        }),
        checkpoint_frequency: read.checkpoint_frequency,
        model_directory: folders.model,
        checkpoints: folders.checkpoints,
        evaluation_batches: None,
        report_directory: Some(folders.report),
        class_names,
        hyperparameters: read.as_map().into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
    })
}

fn frozen(asked: Freeze, stages: usize) -> anyhow::Result<Frozen> {
    let frozen = match asked {
        Freeze::None => return Ok(Frozen::Nothing),
        Freeze::Stem => Frozen::Stem,
        Freeze::Stage1 => Frozen::Stages(1),
        Freeze::Stage2 => Frozen::Stages(2),
        Freeze::Stage3 => Frozen::Stages(3),
        Freeze::Stage4 => Frozen::Stages(4),
        Freeze::Body => Frozen::Body,
    };
    match frozen {
        Frozen::Stages(count) if count > stages => Err(client(format!(
            "freeze={asked}: the network has {stages} stages, expected stem, one of them, or body"
        ))),
        frozen => Ok(frozen),
    }
}

fn positive_weights(
    read: &Hyperparameters,
    counts: Option<&ClassCounts>,
) -> anyhow::Result<Option<Vec<f32>>> {
    if !read.multi_label || !read.use_weighted_loss {
        return Ok(None);
    }
    let counts = counts.ok_or_else(|| {
        client(
            "use_weighted_loss=1 counts the classes of all training images before training, which a Pipe channel does not \
             let it: expected File or FastFile mode for the channel 'train', or use_weighted_loss=0",
        )
    })?;
    Ok(Some(counts.positive_weights()))
}

fn rule(read: &Hyperparameters) -> Rule {
    let &Hyperparameters { momentum, weight_decay, beta_1, beta_2, eps, gamma, .. } = read;
    match read.optimizer {
        hyperparameters::Optimizer::Sgd => Rule::Sgd { momentum, weight_decay },
        hyperparameters::Optimizer::Nag => Rule::Nag { momentum, weight_decay },
        hyperparameters::Optimizer::Adam => Rule::Adam { beta_1, beta_2, eps },
        hyperparameters::Optimizer::Rmsprop => Rule::RmsProp { gamma, eps },
    }
}

/// Threads that prepare data: all cores but one, as the replaced algorithm has it.
pub fn data_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.saturating_sub(1).max(1)
}

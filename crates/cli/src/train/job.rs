//! Hyperparameters to what the loop takes.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use brazier_data::steps_per_epoch;
use brazier_image::{Augmentation, InputShape, Preprocess, TrainTransform};
use brazier_model::Layout;
use brazier_sagemaker::hyperparameters::{self, Hyperparameters};
use brazier_train::Job;
use brazier_train::early_stop::EarlyStopping;
use brazier_train::schedule::Schedule;
use burn::tensor::Device;

/// The job of `read`, whose artifact goes to `model_directory`.
///
/// # Errors
/// A network that cannot be built.
pub fn job(
    read: &Hyperparameters,
    class_names: Option<Vec<String>>,
    model_directory: PathBuf,
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
    Ok(Job {
        layout: Layout::resnet(read.num_layers, extents, read.num_classes)?,
        shape: extents,
        device: Device::flex(),
        epochs: read.epochs,
        batch: read.mini_batch_size,
        samples_per_epoch: read.num_training_samples,
        schedule: Schedule {
            base: read.learning_rate,
            factor: read.lr_scheduler_factor,
            epochs: read.lr_scheduler_step.clone(),
            updates_per_epoch: steps_per_epoch(read.num_training_samples, read.mini_batch_size, 1),
        },
        momentum: read.momentum,
        weight_decay: read.weight_decay,
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
        model_directory,
        class_names,
        hyperparameters: read.as_map().into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
    })
}

/// Threads that prepare data: all cores but one, as the replaced algorithm has it.
pub fn data_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.saturating_sub(1).max(1)
}

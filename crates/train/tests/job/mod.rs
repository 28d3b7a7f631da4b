//! A job for tests.

use std::collections::BTreeMap;
use std::path::Path;

use brazier_collective::Wire;
use brazier_image::{Augmentation, InputShape, Preprocess, TrainTransform};
use brazier_model::Layout;
use brazier_model::freeze::Frozen;
use brazier_train::Job;
use brazier_train::job::{Compute, Pace};
use brazier_train::optimizer::Rule;
use brazier_train::schedule::{Decay, Schedule};
use burn::tensor::Device;

/// Two epochs of 24 samples with momentum 0.9 and weight decay 1e-4, whose artifact goes to `folder`.
pub fn job(layout: Layout, shape: [usize; 3], batch: usize, folder: &Path) -> Job {
    let input = InputShape::new(shape[0] as u32, shape[1] as u32, shape[2] as u32);
    Job {
        layout,
        shape,
        device: Device::flex(),
        pace: Pace::CPU,
        epochs: 2,
        batch,
        samples_per_epoch: 24,
        schedule: Schedule {
            base: 0.05,
            decay: Decay::Steps { factor: 0.1, epochs: vec![] },
            warmup_epochs: 0,
            updates_per_epoch: 24 / batch,
        },
        label_smoothing: 0.0,
        initial: None,
        positive_weights: None,
        optimizer: Rule::Sgd { momentum: 0.9, weight_decay: 1e-4 },
        frozen: Frozen::Nothing,
        mixup: 0.0,
        ema_decay: None,
        gradient_accumulation: 1,
        compute: Compute::Float32,
        wire: Wire::Float32,
        sync_batch_norm: false,
        seed: 1,
        shuffle: true,
        transform: TrainTransform {
            shape: input,
            resize: None,
            augmentation: Augmentation::None,
            fast_decode: false,
        },
        preprocess: Preprocess::center_crop(input, None),
        top_k: Some(2),
        early_stopping: None,
        checkpoint_frequency: None,
        model_directory: folder.to_owned(),
        checkpoints: None,
        evaluation_batches: None,
        report_directory: None,
        class_names: None,
        hyperparameters: BTreeMap::new(),
    }
}

//! What is accepted and has no effect.

use std::collections::BTreeMap;

use super::{ComputeDtype, Hyperparameters, KvStore, LearningRateSchedule, Precision};

/// One sentence for each of the given hyperparameters that does nothing in this job.
pub(super) fn warnings(given: &BTreeMap<String, String>, read: &Hyperparameters) -> Vec<String> {
    let is_given = |name: &str| given.contains_key(name);
    let cosine = read.lr_schedule == LearningRateSchedule::Cosine;
    let images = read.mini_batch_size / read.gradient_accumulation;
    let float32 = read.compute_dtype == ComputeDtype::Float32;
    let cases = [
        (is_given("model_prefix"), "model_prefix has no effect"),
        (read.top_k == Some(1), "top_k is only used when it is larger than 1"),
        (
            read.top_k.is_some_and(|k| k > 1) && read.multi_label,
            "top_k is only used where every image has one class",
        ),
        (
            read.label_smoothing > 0.0 && read.multi_label,
            "label_smoothing is only used where every image has one class",
        ),
        (is_given("lr_scheduler_step") && cosine, "lr_scheduler_step has no effect with lr_schedule=cosine"),
        (
            read.mixup > 0.0 && images < 2,
            "mixup needs two images that are computed together, see mini_batch_size and gradient_accumulation",
        ),
        (
            read.precision_dtype == Precision::Float16 && float32,
            "precision_dtype=float16 has no effect with compute_dtype=float32",
        ),
        // The built-in's own words.
        (
            read.use_weighted_loss && !read.multi_label,
            "use_weighted_loss is only used for multi-label training",
        ),
    ];
    let told = cases.into_iter().filter(|(applies, _)| *applies);
    let mut told: Vec<String> = told.map(|(_, text)| format!("{text}. Ignoring the parameter.")).collect();
    if read.kv_store == Some(KvStore::DistAsync) {
        told.push(
            "kv_store=dist_async runs as dist_sync: hosts combine gradients at every step, which loses no accuracy.".to_owned(),
        );
    }
    told
}

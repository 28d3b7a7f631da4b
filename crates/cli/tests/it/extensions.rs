//! Hyperparameters of our own: each changes what it says, and nothing where it is off.

use std::collections::BTreeMap;
use std::fs;

use brazier_mxnet::params::{Dtype, NdArray};

use crate::harness::{OptMl, trained};
use crate::incremental::{going_on, params};

/// A job of four epochs and its log.
pub fn train_to_model(hyperparameters: &[(&str, &str)]) -> (OptMl, String) {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[&[("epochs", "4"), ("checkpoint_frequency", "4")], hyperparameters].concat());
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    (tree, told.out)
}

/// The log of such a job and the weights it leaves.
fn train(hyperparameters: &[(&str, &str)]) -> (String, Vec<u8>) {
    let (tree, log) = train_to_model(hyperparameters);
    (log, fs::read(tree.path("model").join(tree.weights())).unwrap())
}

fn numbers(log: &str, key: &str) -> Vec<f64> {
    log.lines().filter_map(|line| line.split(key).nth(1)?.parse().ok()).collect()
}

#[test]
fn smoothing_warm_up_and_cosine() {
    let (_, plain) = train(&[]);
    let (log, smoothed) = train(&[("label_smoothing", "0.1")]);
    assert!(log.contains("label_smoothing: 0.1\n"), "{log}");
    assert_ne!(plain, smoothed);

    let (log, _) = train(&[("lr_schedule", "cosine"), ("warmup_epochs", "1")]);
    assert!(log.contains("lr_schedule: cosine\n") && log.contains("warmup_epochs: 1\n"), "{log}");
    let rates = numbers(&log, "Learning-rate=");
    // Of the last of 4 updates in each epoch, 12 after the warm-up.
    let cosine = |update: f64| 0.05 * (1.0 + (std::f64::consts::PI * update / 12.0).cos()) / 2.0;
    for (rate, expected) in rates.iter().zip([0.05, cosine(3.0), cosine(7.0), cosine(11.0)]) {
        assert!((rate - expected).abs() < 1e-9, "{rates:?}");
    }
    assert_eq!(rates.len(), 4);
}

#[test]
fn blended_and_averaged() {
    let (plain_log, plain) = train(&[]);
    let (log, blended) = train(&[("mixup", "0.4")]);
    assert!(log.contains("mixup: 0.4\n"), "{log}");
    assert!(blended != plain && blended == train(&[("mixup", "0.4")]).1);
    // Blended images are harder to tell apart than plain ones.
    let last = |log: &str| *numbers(log, "Train-loss=").last().unwrap();
    assert!(last(&log) > last(&plain_log), "{} {}", last(&log), last(&plain_log));

    let (log, averaged) = train(&[("ema_decay", "0.9")]);
    assert!(log.contains("ema_decay: 0.9\n"), "{log}");
    assert_ne!(averaged, plain);
    // What is learned is the same; what is kept and judged is not.
    assert_eq!(numbers(&log, "Train-loss="), numbers(&plain_log, "Train-loss="));
    assert_ne!(numbers(&log, "Validation-loss="), numbers(&plain_log, "Validation-loss="));
}

#[test]
fn a_batch_in_parts_learns_as_well() {
    let (plain_log, plain) = train(&[]);
    let (log, parts) = train(&[("gradient_accumulation", "2")]);
    assert!(log.contains("gradient_accumulation: 2\n"), "{log}");
    // Batch norm sees three images at a time instead of six.
    assert_ne!(parts, plain);
    let steps = |log: &str| numbers(log, "Learning-rate=").len();
    assert_eq!(steps(&log), steps(&plain_log));
    assert!(*numbers(&log, "Train-accuracy=").last().unwrap() > 0.8, "{log}");
}

/// Names of the arrays that training changed.
fn changed(model: &OptMl, hyperparameters: &[(&str, &str)]) -> Vec<String> {
    let tree = going_on(&model.path("model"), &[&[("learning_rate", "0.05")], hyperparameters].concat());
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let arrays =
        |tree: &OptMl| -> BTreeMap<String, NdArray> { params(&tree.path("model").join(tree.weights())) };
    let (before, after) = (arrays(model), arrays(&tree));
    assert!(before.keys().eq(after.keys()));
    let differs = |(name, array): (&String, &NdArray)| (before[name] != *array).then(|| name.clone());
    after.iter().filter_map(differs).collect()
}

#[test]
fn frozen_parts_and_their_statistics_stay() {
    let model = trained();
    let all = changed(&model, &[]);
    for others in
        [&[][..], &[("ema_decay", "0.9")], &[("gradient_accumulation", "2")], &[("compute_dtype", "float16")]]
    {
        let body = changed(&model, &[&[("freeze", "body"), ("weight_decay", "0.5")], others].concat());
        assert_eq!(body, ["arg:fc1_bias", "arg:fc1_weight"], "{others:?}");
    }
    let is_stem = |name: &&String| name.contains(":bn_data_") || name.contains(":conv0_");
    let after_stem: Vec<&String> = all.iter().filter(|name| !is_stem(name)).collect();
    assert!(changed(&model, &[("freeze", "stem")]).iter().eq(after_stem));
    let is_late = |name: &&String| {
        !name.contains(":bn_data_") && !name.contains(":conv0_") && !name.contains(":stage1_")
    };
    let late: Vec<&String> = all.iter().filter(is_late).collect();
    let found = changed(&model, &[("freeze", "stage1"), ("weight_decay", "0.5")]);
    assert!(found.iter().eq(late), "{found:?}");
    assert!(found.len() > 20 && found.len() < all.len());

    let tree = going_on(&model.path("model"), &[("freeze", "stage4")]);
    assert_eq!(tree.train().code, 2);
    assert!(tree.failure().unwrap().contains("3 stages"), "{:?}", tree.failure());
}

#[test]
fn other_number_formats_learn_and_a_cpu_says_that_float16_is_float32() {
    let (plain_log, plain) = train(&[]);
    let (log, fallen_back) = train(&[("precision_dtype", "float16")]);
    assert_eq!(log.matches("precision_dtype=float16 needs a GPU").count(), 1, "{log}");
    assert!(log.contains("data type: <class 'numpy.float16'>"), "{log}");
    assert!(fallen_back == plain);
    let (half, _) = train_to_model(&[("precision_dtype", "float16"), ("compute_dtype", "float16")]);
    let arrays = params(&half.path("model").join(half.weights()));
    for (name, array) in &arrays {
        let expected =
            if name.ends_with("_weight") || name == "arg:fc1_bias" { Dtype::F16 } else { Dtype::F32 };
        assert_eq!(array.dtype, expected, "{name}");
    }
    let graph = fs::read_to_string(half.path("model/image-classification-symbol.json")).unwrap();
    assert!(graph.contains("cast0") && graph.contains("cast1"), "{graph}");
    // It goes on, and then in single precision.
    let further = going_on(&half.path("model"), &[]);
    assert_eq!(further.train().code, 0);
    assert_eq!(params(&further.path("model").join(further.weights()))["arg:conv0_weight"].dtype, Dtype::F32);
    for format in ["bfloat16", "float16"] {
        let (log, weights) = train(&[("compute_dtype", format)]);
        assert!(log.contains(&format!("compute_dtype: {format}\n")), "{log}");
        assert_ne!(weights, plain, "{format}");
        let (losses, expected) = (numbers(&log, "Train-loss="), numbers(&plain_log, "Train-loss="));
        assert!((losses[0] - expected[0]).abs() < 0.05 * expected[0], "{format}: {losses:?}, {expected:?}");
        assert!(*numbers(&log, "Train-accuracy=").last().unwrap() > 0.8, "{format}\n{log}");
    }
}

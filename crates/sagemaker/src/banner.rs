//! The lines a job opens with, in the words of the built-in algorithm (as of August 2024).
//!
//! Each function gives messages without the prefix of [`crate::log`]; printing them is the caller's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::hyperparameters::{
    Hyperparameters, Kind, LearningRateSchedule, Optimizer, Origin, Precision, TABLE, python_float,
};

/// The defaults and what the user gave, each as a Python dictionary.
///
/// `source` says where the defaults come from.
pub fn configuration(given: &BTreeMap<String, String>, path: &Path, source: &str) -> Vec<String> {
    vec![
        format!("Reading default configuration from {source}: {}", dictionary(&defaults())),
        format!(
            "Merging with provided configuration from {}: {}",
            path.display(),
            dictionary(&provided(given))
        ),
    ]
}

/// The defaults and what goes before them, as one Python dictionary.
pub fn final_configuration(given: &BTreeMap<String, String>) -> String {
    let defaults = defaults().into_iter().filter(|(name, _)| !given.contains_key(*name));
    let merged: Vec<(&str, String)> = defaults.chain(provided(given)).collect();
    format!("Final configuration: {}", dictionary(&merged))
}

fn defaults() -> Vec<(&'static str, String)> {
    TABLE.iter().filter_map(|row| Some((row.name, literal(row.kind, row.default?)))).collect()
}

fn provided(given: &BTreeMap<String, String>) -> Vec<(&str, String)> {
    given.iter().map(|(name, value)| (name.as_str(), quoted(value))).collect()
}

fn dictionary(entries: &[(&str, String)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(name, value)| format!("{}: {value}", quoted(name))).collect();
    format!("{{{}}}", entries.join(", "))
}

fn literal(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Integer { .. } | Kind::Float { .. } | Kind::Bool | Kind::IntegerChoice(_) => text.to_string(),
        Kind::Choice(_) | Kind::ImageShape | Kind::EpochList => quoted(text),
    }
}

/// Text as Python's `repr` writes it, near enough to read.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

/// How the weights begin; `model` describes the one that the job goes on from.
pub fn initialization(job: &Hyperparameters, model: Option<&str>) -> Vec<String> {
    let start = match model {
        Some(model) => format!("Using the model of the channel 'model' for initializing weights: {model}"),
        None if job.use_pretrained_model => {
            "Using pretrained model for initializing weights and transfer learning.".to_string()
        }
        None => "Performing random weight initialization".to_string(),
    };
    vec![
        format!("use_pretrained_model: {}", u8::from(job.use_pretrained_model)),
        format!("multi_label: {}", u8::from(job.multi_label)),
        start,
    ]
}

/// The block from `---- Parameters ----` to its closing rule, for a job on `hosts` hosts.
pub fn parameters(job: &Hyperparameters, hosts: usize) -> Vec<String> {
    let mut lines = vec!["---- Parameters ----".to_string()];
    let mut say = |name: &str, value: &dyn std::fmt::Display| lines.push(format!("{name}: {value}"));
    say("num_layers", &job.num_layers);
    say("data type", &data_type(job.precision_dtype));
    say("epochs", &job.epochs);
    if let Some(side) = job.resize {
        say("image resize size", &side);
    }
    say("optimizer", &job.optimizer);
    for (name, value) in optimizer_settings(job) {
        say(name, &python_float(value));
    }
    say("weight_decay", &python_float(job.weight_decay));
    say("learning_rate", &python_float(job.learning_rate));
    if let Some(steps) = job.steps().filter(|_| job.lr_schedule == LearningRateSchedule::Step) {
        say("lr_scheduler_step", &steps);
        say("lr_scheduler_factor", &python_float(job.lr_scheduler_factor));
    }
    say("num_training_samples", &job.num_training_samples);
    say("mini_batch_size", &job.mini_batch_size);
    say("image_shape", &job.image_shape);
    say("num_classes", &job.num_classes);
    say("augmentation_type", &job.augmentation_type.map_or("None", |kind| kind.as_str()));
    say("kv_store", &kv_store(job, hosts));
    if let Some(k) = job.top_k {
        say("top_k", &k);
    }
    if let Some(rule) = job.early_stopping {
        say("early_stopping", &"True");
        say("early_stopping_min_epochs", &rule.min_epochs);
        say("early_stopping_patience", &rule.patience);
        say("early_stopping_tolerance", &python_float(rule.tolerance));
    }
    // What the built-in algorithm did not have is told where it is in use.
    let all = job.as_map();
    for row in TABLE.iter().filter(|row| row.origin == Origin::Extension) {
        if let Some(value) = all.get(row.name).filter(|value| row.default != Some(value.as_str())) {
            say(row.name, value);
        }
    }
    match job.checkpoint_frequency {
        Some(epochs) => say("checkpoint_frequency", &epochs),
        None => lines.push("checkpoint_frequency not set, will store the best model".to_string()),
    }
    lines.push("--------------------".to_string());
    lines
}

fn data_type(precision: Precision) -> String {
    format!("<class 'numpy.{precision}'>")
}

/// The settings that act on this optimizer.
fn optimizer_settings(job: &Hyperparameters) -> Vec<(&'static str, f64)> {
    match job.optimizer {
        Optimizer::Sgd | Optimizer::Nag => vec![("momentum", job.momentum)],
        Optimizer::Adam => vec![("beta_1", job.beta_1), ("beta_2", job.beta_2), ("eps", job.eps)],
        Optimizer::Rmsprop => vec![("gamma", job.gamma), ("eps", job.eps)],
    }
}

/// One host combines gradients among its own devices, whatever the user said; several do so at every step
/// unless told otherwise.
fn kv_store(job: &Hyperparameters, hosts: usize) -> &'static str {
    match job.kv_store {
        _ if hosts <= 1 => "device",
        None => "dist_sync",
        Some(store) => store.as_str(),
    }
}

/// How many threads prepare data.
pub fn threads(count: usize) -> String {
    format!("Setting number of threads: {count}")
}

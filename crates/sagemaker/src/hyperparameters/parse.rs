//! From the platform's string map to [`Hyperparameters`].

use std::collections::BTreeMap;

use super::kind::Kind;
use super::table::{Hyperparameter, TABLE};
use super::value::{Value, unquoted};
use super::{
    Augmentation, ComputeDtype, DamagedSamples, EarlyStopping, Freeze, GradientFormat, Hyperparameters,
    ImageLimits, ImageShape, KvStore, LearningRateSchedule, Optimizer, Precision, Problem, Problems,
    ResnetVersion,
};
use crate::configuration::{self, ConfigurationError};
use crate::paths::Paths;

/// Longest part of a wrong value that is quoted back, in characters.
const QUOTED: usize = 60;
/// The most bytes of pixels in a batch. Several batches are in memory at a time, and the network's own numbers are
/// many times as large.
const BATCH_BYTES: u64 = 4 << 30;

/// Reads `hyperparameters.json`; `None` if there is no such file, which counts as `{}`.
///
/// The platform writes every value as a string. Files written by hand may hold numbers, booleans and lists:
/// they are taken by their JSON text.
pub fn read(paths: &Paths) -> Result<Option<BTreeMap<String, String>>, ConfigurationError> {
    let Some(object) = configuration::read(&paths.hyperparameters())? else { return Ok(None) };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(Some(object.into_iter().map(|(name, value)| (name, text(value))).collect()))
}

/// Checks `given` against the table and fills in what is not set: from `defaults` first, from the table second.
///
/// Keys that begin with `_` or `sagemaker_` belong to the platform and are ignored. The error holds every
/// problem, so that one failed job is enough to put them all right.
pub fn parse(
    given: &BTreeMap<String, String>,
    defaults: &[(&str, &str)],
) -> Result<Hyperparameters, Problems> {
    let mut problems: Vec<Problem> = given.keys().filter_map(|name| unknown(name)).collect();
    let mut values = Values(BTreeMap::new());
    for row in TABLE {
        let preset =
            defaults.iter().find(|(name, _)| *name == row.name).map(|(_, text)| *text).or(row.default);
        match value(row, given.get(row.name).map(String::as_str), preset) {
            Ok(Some(value)) => {
                values.0.insert(row.name, value);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(values.conflicts());
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let mut hyperparameters = values.build();
    hyperparameters.warnings = super::warnings::warnings(given, &hyperparameters);
    // 1 is documented as invalid and sent by public samples; it would repeat the accuracy line.
    hyperparameters.top_k = hyperparameters.top_k.filter(|&k| k > 1 && !hyperparameters.multi_label);
    Ok(hyperparameters)
}

/// Whether a boolean's text, in any client's dialect, says yes.
pub fn is_true(text: &str) -> bool {
    unquoted(text).is_some_and(|text| Kind::Bool.read(&text) == Some(Value::Bool(true)))
}

fn value(row: &Hyperparameter, given: Option<&str>, preset: Option<&str>) -> Result<Option<Value>, Problem> {
    let Some(text) = given.and_then(unquoted).or_else(|| preset.and_then(unquoted)) else {
        return if row.required { Err(Problem::Missing { name: row.name }) } else { Ok(None) };
    };
    let invalid =
        || Problem::Invalid { name: row.name, value: shortened(&text), expects: row.kind.to_string() };
    row.kind.read(&text).map(Some).ok_or_else(invalid)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

/// The problem with a key that the table does not have, unless it is the platform's own.
fn unknown(name: &str) -> Option<Problem> {
    let ignored = name.starts_with('_') || name.starts_with("sagemaker_") || name == "model_prefix";
    if ignored || Hyperparameter::find(name).is_some() {
        return None;
    }
    Some(Problem::Unknown { name: shortened(name), nearest: nearest(name) })
}

/// The name that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let meant = match name {
        // Names from public questions and from other programs, too far off for the distance below.
        "use_lr_scheduler" => Some("lr_scheduler_step"),
        "lr" => Some("learning_rate"),
        "classes" => Some("num_classes"),
        _ => None,
    };
    let name = name.to_lowercase().replace([' ', '-'], "_");
    let closeness = |row: &Hyperparameter| strsim::normalized_damerau_levenshtein(&name, row.name);
    let closest = || {
        let row = TABLE.iter().max_by(|a, b| closeness(a).total_cmp(&closeness(b)))?;
        (closeness(row) >= 0.6).then_some(row.name)
    };
    meant.or_else(closest)
}

/// The values that are set, by name.
struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Rules that join several values. A value that is missing or wrong is a problem of its own already.
    fn conflicts(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let (Some(samples), Some(batch)) = (self.get("num_training_samples"), self.get("mini_batch_size"))
            && batch > samples
        {
            problems.push(Problem::BatchTooLarge { samples, batch });
        }
        if let (Some(batch), Some(shape)) = (self.get("mini_batch_size"), self.get("image_shape"))
            && let bytes = batch_bytes(batch, shape)
            && bytes > BATCH_BYTES
        {
            problems.push(Problem::BatchTooManyBytes { batch, shape, bytes, limit: BATCH_BYTES });
        }
        if let (Some(frequency), Some(epochs)) = (self.get("checkpoint_frequency"), self.get("epochs"))
            && frequency > epochs
        {
            problems.push(Problem::CheckpointAfterEnd { frequency, epochs });
        }
        if let (Some(warmup), Some(epochs)) = (self.get("warmup_epochs"), self.get("epochs"))
            && warmup >= epochs
        {
            problems.push(Problem::WarmupToTheEnd { warmup, epochs });
        }
        if let (Some(parts), Some(batch)) = (self.get("gradient_accumulation"), self.get("mini_batch_size"))
            && parts > batch
        {
            problems.push(Problem::MorePartsThanImages { parts, batch });
        }
        if let (Some(Freeze::Stage4), Some(layers)) = (self.get("freeze"), self.get("num_layers"))
            && [20, 32, 44, 56, 110].contains(&layers)
        {
            problems.push(Problem::NoSuchStage { layers });
        }
        if let (Some(true), Some(layers)) = (self.get("use_pretrained_model"), self.get("num_layers"))
            && ![18, 34, 50, 101, 152, 200].contains(&layers)
        {
            problems.push(Problem::NotPretrained { layers });
        }
        if let (Some(ResnetVersion::V15), Some(layers)) = (self.get("resnet_version"), self.get("num_layers"))
            && ![18, 34, 50, 101, 152].contains(&layers)
        {
            problems.push(Problem::NotInVersion { layers });
        }
        problems
    }

    fn get<T: FromValue>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(T::from_value)
    }

    #[expect(
        clippy::expect_used,
        reason = "the row is required or has a default, and the kind fits the field"
    )]
    fn set<T: FromValue>(&self, name: &str) -> T {
        self.get(name).expect("a row that is always set")
    }

    /// Called once nothing is missing.
    fn build(&self) -> Hyperparameters {
        Hyperparameters {
            num_classes: self.set("num_classes"),
            num_training_samples: self.set("num_training_samples"),
            num_layers: self.set("num_layers"),
            resnet_version: self.get("resnet_version"),
            image_shape: self.set("image_shape"),
            epochs: self.set("epochs"),
            mini_batch_size: self.set("mini_batch_size"),
            learning_rate: self.set("learning_rate"),
            lr_scheduler_step: self.get("lr_scheduler_step").unwrap_or_default(),
            lr_scheduler_factor: self.set("lr_scheduler_factor"),
            momentum: self.set("momentum"),
            weight_decay: self.set("weight_decay"),
            optimizer: self.set("optimizer"),
            augmentation_type: self.get("augmentation_type"),
            resize: self.get("resize"),
            top_k: self.get("top_k"),
            checkpoint_frequency: self.get("checkpoint_frequency"),
            early_stopping: self.set::<bool>("early_stopping").then(|| EarlyStopping {
                min_epochs: self.set("early_stopping_min_epochs"),
                patience: self.set("early_stopping_patience"),
                tolerance: self.set("early_stopping_tolerance"),
            }),
            multi_label: self.set("multi_label"),
            use_weighted_loss: self.set("use_weighted_loss"),
            match_classes: self.set("match_classes"),
            lr_schedule: self.set("lr_schedule"),
            warmup_epochs: self.set("warmup_epochs"),
            label_smoothing: self.set("label_smoothing"),
            mixup: self.set("mixup"),
            ema_decay: self.set("ema_decay"),
            gradient_accumulation: self.set("gradient_accumulation"),
            freeze: self.set("freeze"),
            compute_dtype: self.set("compute_dtype"),
            use_pretrained_model: self.set("use_pretrained_model"),
            precision_dtype: self.set("precision_dtype"),
            kv_store: self.get("kv_store"),
            beta_1: self.set("beta_1"),
            beta_2: self.set("beta_2"),
            eps: self.set("eps"),
            gamma: self.set("gamma"),
            shuffle: self.set("shuffle"),
            damaged_samples: self.set("damaged_samples"),
            compat: self.set("compat"),
            fast_decode: self.set("fast_decode"),
            image_limits: ImageLimits {
                pixels: self.set("max_image_pixels"),
                bytes: self.set("max_image_bytes"),
                allocation: self.set("max_image_allocation"),
            },
            checkpoint_min_seconds: self.set("checkpoint_min_seconds"),
            checkpoint_max_seconds: self.set("checkpoint_max_seconds"),
            gradient_format: self.set("gradient_format"),
            sync_batch_norm: self.set("sync_batch_norm"),
            rendezvous_seconds: self.set("rendezvous_seconds"),
            peer_silence_seconds: self.set("peer_silence_seconds"),
            peer_stall_seconds: self.set("peer_stall_seconds"),
            seed: self.set("seed"),
            warnings: Vec::new(),
        }
    }
}

/// Bytes of the pixels of a batch, one for each channel of each pixel.
fn batch_bytes(batch: usize, shape: ImageShape) -> u64 {
    let sizes = [shape.channels, shape.height, shape.width].map(u64::from);
    sizes.into_iter().fold(batch as u64, u64::saturating_mul)
}

/// A field's type, taken out of a value of the matching kind.
trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

/// `from_value!(type, pattern => expression)`: the expression gives an `Option`.
macro_rules! from_value {
    ($($type:ty, $pattern:pat => $taken:expr;)+) => {
        $(impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $taken,
                    _ => None,
                }
            }
        })+
    };
}

from_value! {
    u64, Value::Integer(number) => Some(*number);
    u32, Value::Integer(number) => u32::try_from(*number).ok();
    usize, Value::Integer(number) => usize::try_from(*number).ok();
    f64, Value::Float(number) => Some(*number);
    bool, Value::Bool(on) => Some(*on);
    ImageShape, Value::Shape(shape) => Some(*shape);
    Vec<usize>, Value::Epochs(epochs) => Some(epochs.clone());
    Optimizer, Value::Choice(name) => Self::from_name(name);
    Augmentation, Value::Choice(name) => Self::from_name(name);
    Precision, Value::Choice(name) => Self::from_name(name);
    ComputeDtype, Value::Choice(name) => Self::from_name(name);
    Freeze, Value::Choice(name) => Self::from_name(name);
    GradientFormat, Value::Choice(name) => Self::from_name(name);
    KvStore, Value::Choice(name) => Self::from_name(name);
    DamagedSamples, Value::Choice(name) => Self::from_name(name);
    LearningRateSchedule, Value::Choice(name) => Self::from_name(name);
    ResnetVersion, Value::Choice(name) => Self::from_name(name);
}

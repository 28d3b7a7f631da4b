//! The one declaration of every hyperparameter.
//!
//! Names, defaults and ranges are those of the SageMaker developer guide, "Image Classification
//! Hyperparameters"; upper ends that the guide leaves open are ours.

use super::choice::{
    Augmentation, ComputeDtype, DamagedSamples, Freeze, GradientFormat, KvStore, LearningRateSchedule,
    Optimizer, Precision, ResnetVersion,
};
use super::kind::Kind;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Hyperparameter {
    /// Name, as the user writes it.
    pub name: &'static str,
    /// Form and range.
    pub kind: Kind,
    /// Text of the default; `None` for required and for unset.
    pub default: Option<&'static str>,
    /// Whether the user must give it.
    pub required: bool,
    /// What it does, with its unit.
    pub help: &'static str,
    /// Where the name comes from.
    pub origin: Origin,
}

/// Where a hyperparameter's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Documented for the built-in algorithm.
    Documented,
    /// Ours.
    Extension,
}

/// A count from 1 on. The bound only keeps arithmetic on counts clear of overflow.
const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000_000 };
/// A share or a rate.
const UNIT: Kind = Kind::Float { min: 0.0, max: 1.0 };

const fn required(name: &'static str, kind: Kind, help: &'static str) -> Hyperparameter {
    Hyperparameter { name, kind, default: None, required: true, help, origin: Origin::Documented }
}

const fn optional(name: &'static str, kind: Kind, help: &'static str) -> Hyperparameter {
    Hyperparameter { name, kind, default: None, required: false, help, origin: Origin::Documented }
}

const fn defaulted(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Hyperparameter {
    Hyperparameter { name, kind, default: Some(default), required: false, help, origin: Origin::Documented }
}

const fn extension(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Hyperparameter {
    Hyperparameter { name, kind, default: Some(default), required: false, help, origin: Origin::Extension }
}

const fn optional_extension(name: &'static str, kind: Kind, help: &'static str) -> Hyperparameter {
    Hyperparameter { name, kind, default: None, required: false, help, origin: Origin::Extension }
}

/// Every hyperparameter: what the user must give, then the network, the schedule, the optimizer, the data,
/// what is reported, and how the job runs.
#[rustfmt::skip]
pub static TABLE: &[Hyperparameter] = &[
    required("num_classes", Kind::Integer { min: 2, max: 1_000_000 },
        "Number of classes, the width of the output layer. Labels must lie in 0 to num_classes - 1."),
    required("num_training_samples", COUNT,
        "Number of training images. It fixes the length of an epoch: num_training_samples / mini_batch_size steps, rounded down."),

    defaulted("num_layers", Kind::IntegerChoice(&[18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110]), "152",
        "Depth of the ResNet. 18, 34, 50, 101, 152 and 200 are the ImageNet family; 20, 32, 44, 56 and 110 the smaller CIFAR family."),
    defaulted("image_shape", Kind::ImageShape, "3,224,224",
        "Network input as channels,height,width in pixels. One channel means grey images."),
    defaulted("use_pretrained_model", Kind::Bool, "0",
        "Start from ImageNet weights of the same depth, MXNet's .params or torchvision's .safetensors, with a new last layer. All layers are trained."),
    defaulted("precision_dtype", Kind::Choice(Precision::NAMES), "float32",
        "Number format of the weights while training."),
    defaulted("multi_label", Kind::Bool, "0",
        "An image can have several classes: one independent probability for each class."),
    defaulted("use_weighted_loss", Kind::Bool, "0",
        "Weight the loss by class frequency, so that rare classes count. Only with multi_label."),

    defaulted("epochs", Kind::Integer { min: 1, max: 1_000_000 }, "30",
        "Number of passes over the training data."),
    defaulted("mini_batch_size", Kind::Integer { min: 1, max: 1_000_000 }, "32",
        "Images in a step on one host, shared among its GPUs."),
    defaulted("learning_rate", UNIT, "0.1",
        "Learning rate at the start."),
    optional("lr_scheduler_step", Kind::EpochList,
        "Epochs after which the learning rate is multiplied by lr_scheduler_factor, such as 10,20."),
    defaulted("lr_scheduler_factor", UNIT, "0.1",
        "What the learning rate is multiplied by at each epoch of lr_scheduler_step."),

    defaulted("optimizer", Kind::Choice(Optimizer::NAMES), "sgd",
        "How gradients change the weights."),
    defaulted("momentum", UNIT, "0.9",
        "Momentum of sgd and nag; the others ignore it."),
    defaulted("weight_decay", UNIT, "0.0001",
        "Coefficient of the L2 penalty on weights."),
    defaulted("beta_1", UNIT, "0.9",
        "Decay of the first moment of adam."),
    defaulted("beta_2", UNIT, "0.999",
        "Decay of the second moment of adam."),
    defaulted("eps", UNIT, "1e-08",
        "Small number that keeps adam and rmsprop from dividing by zero."),
    defaulted("gamma", UNIT, "0.9",
        "Decay of the mean square of rmsprop."),

    optional("augmentation_type", Kind::Choice(Augmentation::NAMES),
        "Random changes to training images: crop and flip; and colour; and rotation, shear and aspect. Unset: a centre crop."),
    optional("resize", Kind::Integer { min: 1, max: 8192 },
        "Pixels of the shortest side that images are scaled to before the crop while training. Unset: no scaling."),

    optional("top_k", Kind::Integer { min: 1, max: 1_000_000 },
        "Also report how often the true class is among the top_k most likely ones; must be above 1 to have an effect."),
    optional("checkpoint_frequency", Kind::Integer { min: 1, max: 1_000_000 },
        "Epochs between parameter files in the model output, at most epochs. Unset: keep the best epoch only."),
    defaulted("early_stopping", Kind::Bool, "False",
        "End training when validation accuracy no longer improves."),
    defaulted("early_stopping_min_epochs", Kind::Integer { min: 1, max: 1_000_000 }, "10",
        "Epochs that always run before early stopping may act."),
    defaulted("early_stopping_patience", Kind::Integer { min: 1, max: 1_000_000 }, "5",
        "Epochs in a row without improvement after which training ends."),
    defaulted("early_stopping_tolerance", UNIT, "0.0",
        "Gain relative to the best accuracy below which an epoch counts as no improvement."),

    optional("kv_store", Kind::Choice(KvStore::NAMES),
        "How several hosts combine gradients: all of them at every step, or each as it arrives. One host ignores it."),
    extension("lr_schedule", Kind::Choice(LearningRateSchedule::NAMES), "step",
        "How the learning rate falls: at the epochs of lr_scheduler_step, or as half a cosine from learning_rate to 0 at the end of the job."),
    extension("warmup_epochs", Kind::Integer { min: 0, max: 1_000_000 }, "0",
        "Epochs over which the learning rate first rises evenly to learning_rate; fewer than epochs."),
    extension("label_smoothing", UNIT, "0.0",
        "Share of each label that goes to all classes equally while training. Not with multi_label."),
    extension("mixup", Kind::Float { min: 0.0, max: 10.0 }, "0.0",
        "The alpha of mixup: each training image is blended with another that is computed with it, and its label alike. 0.2 is common; 0 is off."),
    extension("ema_decay", Kind::Float { min: 0.0, max: 0.9999 }, "0.0",
        "Judge and keep a moving average of the weights of which this share stays at each step, 0.999 say, instead of the last weights. 0 is off."),
    extension("gradient_accumulation", Kind::Integer { min: 1, max: 1_000_000 }, "1",
        "Parts in which a batch is computed, one after the other, so that it takes less memory. The weights move once for all of them; batch norm sees one part at a time."),
    extension("freeze", Kind::Choice(Freeze::NAMES), "none",
        "The first part of the network that stays as it is, with a channel model or use_pretrained_model: up to the stem, a stage, or all but the last layer."),
    extension("compute_dtype", Kind::Choice(ComputeDtype::NAMES), "auto",
        "Number format in which convolutions multiply while training; weights stay float32. auto: with precision_dtype=float16 on a GPU bfloat16, or float16 if it is older than Ampere; else float32. On a processor, bfloat16 is faster than float32 where it has AVX-512 BF16; `brazier train FOLDER` then takes it by itself. float16 is slow there."),
    optional_extension("resnet_version", Kind::Choice(ResnetVersion::NAMES),
        "Whose ResNet: 2 is MXNet's, 1.5 torchvision's of 18, 34, 50, 101 or 152 layers. Unset: that of the model or the weights that the job starts from, otherwise 2."),
    extension("match_classes", Kind::Bool, "0",
        "With a channel model: match its classes and the data's by their names, so that classes may be added, removed or reordered. Otherwise they must be as many and in the same order."),
    extension("shuffle", Kind::Bool, "True",
        "Give every epoch an order of its own. False: samples come as they are stored."),
    extension("damaged_samples", Kind::Choice(DamagedSamples::NAMES), "fail",
        "What a damaged image or record does: fail ends the job and names it, skip leaves it out and counts it in the log."),
    extension("compat", Kind::Bool, "0",
        "Prepare validation and endpoint images as the built-in algorithm's endpoint did: squashed to image_shape, aspect not kept. Otherwise both are resized and cropped at the centre."),
    extension("fast_decode", Kind::Bool, "0",
        "Decode large JPEG images at a half, a quarter or an eighth of their size where resize allows it. Faster; pixels differ slightly."),
    extension("max_image_pixels", Kind::Integer { min: 1, max: 1 << 40 }, "100000000",
        "The most pixels, width times height, that one image may have."),
    extension("max_image_bytes", Kind::Integer { min: 1, max: 1 << 40 }, "67108864",
        "The most bytes that one encoded image may have."),
    extension("max_image_allocation", Kind::Integer { min: 1, max: 1 << 40 }, "536870912",
        "The most bytes that decoding one image may take."),
    extension("checkpoint_min_seconds", Kind::Integer { min: 0, max: 1_000_000 }, "60",
        "With a checkpoint folder: the state of the run is saved at the end of each epoch and in between so often that it costs 1 % of the time, but not more often than this many seconds."),
    extension("checkpoint_max_seconds", Kind::Integer { min: 1, max: 1_000_000 }, "900",
        "And not less often than this many seconds."),
    extension("gradient_format", Kind::Choice(GradientFormat::NAMES), "float32",
        "Number format in which gradients travel between several hosts: float16 halves the traffic and rounds them."),
    extension("sync_batch_norm", Kind::Bool, "0",
        "Whether batch norm counts the images of all ranks, as if one rank had the whole batch: for small batches on many ranks. They exchange sums in every batch norm, on GPUs by way of the hosts."),
    extension("rendezvous_seconds", Kind::Integer { min: 1, max: 86_400 }, "300",
        "How long the hosts of a job wait for each other at the start."),
    extension("peer_silence_seconds", Kind::Integer { min: 1, max: 3600 }, "10",
        "How long a host may give no sign of life before the others end the job and name it."),
    extension("peer_stall_seconds", Kind::Integer { min: 1, max: 86_400 }, "1800",
        "How long a host that gives signs of life may keep the others waiting at a step, before they end the job and name it."),
    extension("seed", Kind::Integer { min: 0, max: u64::MAX }, "0",
        "Seed of every random choice. The same seed and data repeat a run bit for bit on the same kind of machine."),
];

impl Hyperparameter {
    /// The row called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.name == name)
    }
}

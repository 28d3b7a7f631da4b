//! What a person need not say: the data's own facts, and hyperparameters that suit a small machine.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use brazier_data::{Dataset, labels};
use brazier_image::{InputShape, Limits, decode, probe};
use brazier_model::native;
use brazier_sagemaker::hyperparameters::is_true;
use burn::tensor::Device;

/// Images looked at to find the shape.
const LOOKED_AT: usize = 64;

/// Images of one size up to this many pixels a side are taken as they are.
const SMALL_SIDE: u32 = 64;

/// Facts and choices as hyperparameter text, to stand behind what the person gave.
pub struct Recipe(Vec<(&'static str, String)>);

impl Recipe {
    /// Looks at the training samples, and at what the person gave: an epoch count and an image shape decide others.
    ///
    /// # Errors
    /// A label that is no class number, or an image that cannot be read.
    pub fn of(train: &Dataset, given: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let samples = train.source.len();
        let found = Images::of(train)?;
        let asked: Option<InputShape> = given.get("image_shape").and_then(|text| text.parse().ok());
        let shape = asked.unwrap_or_else(|| found.shape());
        let side = shape.height.max(shape.width);
        let epochs: Option<usize> = given.get("epochs").and_then(|text| text.trim().parse().ok());
        let epochs = epochs.unwrap_or(if side <= SMALL_SIDE { 4 } else { 10 });
        let mut rows = vec![
            ("num_classes", classes(train, given)?.to_string()),
            ("num_training_samples", samples.to_string()),
            ("image_shape", shape.to_string()),
            ("epochs", epochs.to_string()),
            ("mini_batch_size", samples.min(32).to_string()),
            ("learning_rate", "0.1".into()),
        ];
        // A large rate first, then two drops over the last third.
        if epochs >= 3 {
            let first = epochs.saturating_mul(2).div_ceil(3);
            let second = epochs.saturating_mul(5).div_ceil(6);
            let steps = if second > first { format!("{first},{second}") } else { first.to_string() };
            rows.push(("lr_scheduler_step", steps));
        }
        let is_small = side <= SMALL_SIDE;
        // Version 1.5 has no networks for small images alone.
        let is_v15 = given.get("resnet_version").is_some_and(|text| text.trim() == "1.5");
        rows.push(("num_layers", if is_small && !is_v15 { "20" } else { "18" }.into()));
        if !is_small {
            rows.push(("augmentation_type", "crop".into()));
        }
        if found.needs_resize(shape) {
            // Room for random crops where they are taken: 256 for 224, as everybody does.
            let edge = if side <= SMALL_SIDE { side } else { side.div_ceil(7) * 8 };
            rows.push(("resize", edge.to_string()));
        }
        Ok(Recipe(rows))
    }

    /// The same for a device: on a processor that multiplies bfloat16 faster than float32, convolutions do.
    pub fn on(mut self, device: &Device, given: &BTreeMap<String, String>) -> Self {
        // Whoever asks for a precision of the model has said what matters.
        if native::computes(device) && native::has_fast_bfloat16() && !given.contains_key("precision_dtype") {
            self.0.push(("compute_dtype", "bfloat16".into()));
        }
        self
    }

    /// Whether convolutions multiply bfloat16, unless the person says otherwise.
    pub fn rounds(&self) -> bool {
        self.0.iter().any(|(name, _)| *name == "compute_dtype")
    }

    /// Name and text of each row.
    pub fn rows(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }
}

/// How many classes the data tell apart: with several labels of each image, as many as the first has. Not looked for
/// where it was given.
fn classes(train: &Dataset, given: &BTreeMap<String, String>) -> anyhow::Result<usize> {
    if given.contains_key("num_classes") {
        return Ok(0);
    }
    match given.get("multi_label").is_some_and(|text| is_true(text)) {
        true => Ok(train.source.labels(0)?.len()),
        false => Ok(labels::count_classes(train)?),
    }
}

/// What the images looked at have in common.
struct Images {
    /// Height and width, if all have the same.
    size: Option<(u32, u32)>,
    grey: bool,
}

impl Images {
    /// Looks at images spread evenly over the samples, which may be sorted by class.
    fn of(train: &Dataset) -> anyhow::Result<Self> {
        let (samples, mut sizes, mut grey) = (train.source.len(), BTreeSet::new(), true);
        for number in 0..samples.min(LOOKED_AT) {
            let index = number * samples / samples.min(LOOKED_AT);
            let place =
                || train.source.origin(index).map_or_else(|_| "train".into(), |origin| origin.to_string());
            let sample = train.source.read(index)?;
            let found = probe(&sample.encoded).with_context(place)?;
            sizes.insert((found.height, found.width));
            if grey {
                let pixels = decode(&sample.encoded, 3, &Limits::default()).with_context(place)?;
                grey =
                    pixels.data().chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
            }
        }
        let size = sizes.first().copied().filter(|_| sizes.len() == 1);
        Ok(Images { size, grey })
    }

    /// Small images of one size keep it; others become 224x224. All grey means one channel.
    fn shape(&self) -> InputShape {
        let channels = if self.grey { 1 } else { 3 };
        match self.size {
            Some((height, width)) if height.max(width) <= SMALL_SIDE => {
                InputShape::new(channels, height, width)
            }
            _ => InputShape::new(channels, 224, 224),
        }
    }

    /// Whether a crop of `shape` would cut most of an image away.
    fn needs_resize(&self, shape: InputShape) -> bool {
        self.size != Some((shape.height, shape.width))
    }
}

//! What a person need not say: the data's own facts, and hyperparameters that suit a small machine.

use anyhow::Context;
use brazier_data::{Dataset, labels};
use brazier_image::{Limits, decode, probe};

/// Images looked at to find the shape.
const LOOKED_AT: usize = 64;

/// Images of one size up to this many pixels a side are taken as they are.
const SMALL_SIDE: u32 = 64;

/// Facts and choices as hyperparameter text, to stand behind what the person gave.
pub struct Recipe(Vec<(&'static str, String)>);

impl Recipe {
    /// Looks at the training samples. `epochs` is what the person gave, if anything.
    ///
    /// # Errors
    /// A label that is no class number, or an image that cannot be read.
    pub fn of(train: &Dataset, epochs: Option<usize>) -> anyhow::Result<Self> {
        let samples = train.source.len();
        let (shape, side) = image_shape(train)?;
        let epochs = epochs.unwrap_or(if side <= SMALL_SIDE { 5 } else { 10 });
        let mut rows = vec![
            ("num_classes", labels::count_classes(train)?.to_string()),
            ("num_training_samples", samples.to_string()),
            ("image_shape", shape),
            ("epochs", epochs.to_string()),
            ("mini_batch_size", samples.min(32).to_string()),
            ("learning_rate", "0.1".into()),
        ];
        // A large rate first, then two drops over the last third.
        if epochs >= 3 {
            let first = (epochs * 2).div_ceil(3);
            let second = (epochs * 5).div_ceil(6);
            let steps = if second > first { format!("{first},{second}") } else { first.to_string() };
            rows.push(("lr_scheduler_step", steps));
        }
        if side <= SMALL_SIDE {
            rows.push(("num_layers", "20".into()));
        } else {
            rows.extend([("num_layers", "18".into()), ("resize", "256".into())]);
            rows.push(("augmentation_type", "crop".into()));
        }
        Ok(Recipe(rows))
    }

    /// Name and text of each row.
    pub fn rows(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }
}

/// `C,H,W` for the first images, and the longer side. Small images of one size keep it; others become 224x224.
/// All grey means one channel.
fn image_shape(train: &Dataset) -> anyhow::Result<(String, u32)> {
    let (mut sizes, mut grey) = (Vec::new(), true);
    for index in 0..train.source.len().min(LOOKED_AT) {
        let sample = train.source.read(index)?;
        let place =
            || train.source.origin(index).map_or_else(|_| "train".into(), |origin| origin.to_string());
        let found = probe(&sample.encoded).with_context(place)?;
        sizes.push((found.height, found.width));
        if grey && found.height.max(found.width) <= SMALL_SIDE * 8 {
            let pixels = decode(&sample.encoded, 3, &Limits::default()).with_context(place)?;
            grey = pixels.data().chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
        } else {
            grey = false;
        }
    }
    let channels = if grey { 1 } else { 3 };
    sizes.dedup();
    Ok(match sizes[..] {
        [(height, width)] if height.max(width) <= SMALL_SIDE => {
            (format!("{channels},{height},{width}"), height.max(width))
        }
        _ => (format!("{channels},224,224"), 224),
    })
}

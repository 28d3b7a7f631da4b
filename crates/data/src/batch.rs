//! What a training step consumes.

use brazier_image::InputShape;

use crate::{Labels, Origin};

/// Decoded images with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Bytes in (N, H, W, C), raw 0..=255, RGB or grey.
    pub pixels: Vec<u8>,
    /// What the images are, N of them.
    pub labels: Labels,
    /// Size of each image.
    pub shape: InputShape,
    /// Where the images stand in the user's data, in an evaluation; empty in training.
    pub origins: Vec<Origin>,
}

impl Batch {
    /// The number of images, N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; a [`Batches`](crate::Batches) never yields such a batch.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

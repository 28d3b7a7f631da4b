//! What a training step consumes.

use brazier_image::InputShape;

/// Decoded images with their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Bytes in (N, H, W, C), raw 0..=255, RGB or grey.
    pub pixels: Vec<u8>,
    /// The class of each image, N of them.
    pub labels: Vec<i64>,
    /// Size of each image.
    pub shape: InputShape,
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

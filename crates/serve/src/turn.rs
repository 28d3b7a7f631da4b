//! One device, used by one engine at a time.

use std::sync::Arc;

use parking_lot::{FairMutex, FairMutexGuard};
use prometheus_client::metrics::histogram::Histogram;

/// A device that several engines share. Two batches at once would only slow each other down, and on a GPU their memory
/// would add up.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Fair, so that a model with a queue of its own does not shut the others out.
    lock: Arc<FairMutex<()>>,
    batch_sizes: Histogram,
}

impl Default for Turn {
    fn default() -> Self {
        let bounds = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        Turn { lock: Arc::default(), batch_sizes: Histogram::new(bounds) }
    }
}

impl Turn {
    /// Waits until nothing else computes on the device; until the guard is dropped nothing else will.
    pub fn take(&self) -> FairMutexGuard<'_, ()> {
        self.lock.lock()
    }

    /// A batch of `images` is computed.
    pub(crate) fn count(&self, images: usize) {
        self.batch_sizes.observe(images as f64);
    }

    /// How large the batches were.
    pub(crate) fn batch_sizes(&self) -> &Histogram {
        &self.batch_sizes
    }
}

//! Batches on their way to the device, one ahead of the step that takes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use brazier_data::{Batch, Batches, DataError, Labels};
use brazier_model::loss::Truth;
use brazier_model::resnet::bytes_to_tensor;
use burn::tensor::{Device, Int, Tensor};

/// Uploaded batches that wait beside the one in use.
const AHEAD: usize = 1;

/// How long the end of a run waits for an upload that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// A batch on the device.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// Bytes, `[n, height, width, channels]`: a quarter of what numbers would be.
    pub bytes: Tensor<4, Int>,
    /// What is true of the images.
    pub truth: Truth,
}

/// Copies a batch to `device`. There may be more images than labels: what is behind the last label says nothing.
pub fn upload(batch: Batch, device: &Device) -> Uploaded {
    let extents = [batch.shape.height, batch.shape.width, batch.shape.channels].map(|extent| extent as usize);
    let images = batch.pixels.len() / batch.shape.len().max(1);
    let shape = [images, extents[0], extents[1], extents[2]];
    let truth = match batch.labels {
        Labels::Classes(classes) => Truth::of_classes(&classes, device),
        Labels::MultiHot { classes, values } => Truth::of_cells(values, classes, device),
    };
    Uploaded { bytes: bytes_to_tensor(batch.pixels, shape, device), truth }
}

/// An epoch's batches, and where they go.
struct Epoch {
    batches: Batches,
    to: SyncSender<Result<Uploaded, DataError>>,
}

/// The thread that uploads. One for a whole run: on a GPU each thread has memory of its own, which stays when it ends
/// (burn's issue 4792).
#[derive(Debug)]
pub struct Uploader {
    epochs: Option<SyncSender<Epoch>>,
    thread: Option<JoinHandle<()>>,
}

impl Uploader {
    /// A thread that uploads to `device`.
    ///
    /// # Errors
    /// A thread that the system refuses.
    pub fn new(device: Device) -> Result<Self, DataError> {
        let (epochs, asked) = sync_channel::<Epoch>(1);
        let work = move || {
            while let Ok(epoch) = asked.recv() {
                send(epoch, &device);
            }
        };
        let refused = |error: std::io::Error| DataError::Threads { reason: error.to_string() };
        let thread = Builder::new().name("upload".to_owned()).spawn(work).map_err(refused)?;
        Ok(Uploader { epochs: Some(epochs), thread: Some(thread) })
    }

    /// Begins to upload `batches`.
    pub fn begin(&self, batches: Batches) -> Uploads {
        let (to, uploads) = sync_channel(AHEAD);
        if let Some(epochs) = &self.epochs {
            // A thread that is gone shows as uploads that end.
            let _ = epochs.send(Epoch { batches, to });
        }
        Uploads { uploads, waited: Duration::ZERO }
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        self.epochs = None;
        let Some(thread) = self.thread.take() else { return };
        let clock = Instant::now();
        while !thread.is_finished() && clock.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // What it panicked of was told in place of a batch.
            let _ = thread.join();
        }
    }
}

/// Uploads all batches, or until nobody listens any more.
fn send(Epoch { batches, to }: Epoch, device: &Device) {
    for batch in batches {
        let uploaded = catch_unwind(AssertUnwindSafe(|| batch.map(|batch| upload(batch, device))));
        let uploaded = uploaded.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(DataError::Threads { reason: format!("the upload to the device: {text}") })
        });
        let failed = uploaded.is_err();
        if to.send(uploaded).is_err() || failed {
            return;
        }
    }
}

/// The batches of an epoch on the device. Dropping it ends the uploads.
#[derive(Debug)]
pub struct Uploads {
    uploads: Receiver<Result<Uploaded, DataError>>,
    waited: Duration,
}

impl Uploads {
    /// How long the consumer has waited for batches so far: time in which the network stood still.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Uploads {
    type Item = Result<Uploaded, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = Instant::now();
        let next = self.uploads.recv().ok();
        self.waited += start.elapsed();
        next
    }
}

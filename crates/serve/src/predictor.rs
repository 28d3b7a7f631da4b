//! An artifact that answers: pixels in, probabilities out.

use std::path::Path;
use std::sync::Arc;

use brazier_image::{ImageError, InputShape};
use brazier_model::layout::Output;
use brazier_model::native::{self, Format};
use brazier_model::resnet::pixels_to_tensor;
use brazier_model::{ResNet, loss};
use burn::tensor::Device;

use crate::{LoadError, PredictError, Signature, artifact};

/// A network with its weights on one device, and what goes in and comes out of it.
///
/// Who calls it waits; [`Engine`](crate::Engine) has a thread for that.
pub struct Predictor {
    network: ResNet,
    output: Output,
    signature: Arc<Signature>,
    device: Device,
    /// Whether its layers are divided among this process's threads.
    is_divided: bool,
}

impl Predictor {
    /// Loads the model at `path`, a folder or a `model.tar.gz`, ours or the built-in algorithm's, in float32.
    ///
    /// # Errors
    /// As [`Predictor::load_in`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, LoadError> {
        Predictor::load_in(path, device, Format::Float32)
    }

    /// The same; on a processor its convolutions multiply numbers of `format`. `device` is one without autodiff: with it
    /// batch norm would take its statistics from the request.
    ///
    /// # Errors
    /// A path that cannot be read, a file that is missing, or one that is not what its name says.
    pub fn load_in(path: &Path, device: &Device, format: Format) -> Result<Self, LoadError> {
        let refused = |source| LoadError::Model { path: path.to_owned(), source };
        let artifact = artifact::open(path)?;
        let signature = Arc::new(Signature::of(&artifact).map_err(refused)?);
        let output = artifact.layout.output;
        let network = artifact.into_network(device).map_err(refused)?;
        let network = native::multiplying(format, || network.packed());
        let is_divided = native::computes(device);
        Ok(Predictor { network, output, signature, device: device.clone(), is_divided })
    }

    /// What the model takes and gives, free of the network.
    pub fn signature(&self) -> Arc<Signature> {
        Arc::clone(&self.signature)
    }

    /// One encoded image as the network takes it: H x W x C bytes.
    ///
    /// # Errors
    /// Bytes that are no image, or one beyond the limits.
    pub fn preprocess(&self, encoded: &[u8]) -> Result<Vec<u8>, ImageError> {
        self.signature.preprocess(encoded)
    }

    /// The probabilities of every class for each of `n` images of H x W x C bytes, computed at once.
    ///
    /// # Errors
    /// Pixels that are not `n` images; an answer that is not a finite number.
    pub fn predict(&self, pixels: Vec<u8>, n: usize) -> Result<Vec<Vec<f32>>, PredictError> {
        self.answers(pixels, n)?.into_iter().collect()
    }

    /// As [`Predictor::predict`], with a result for each image: one without an answer spoils none beside it.
    pub(crate) fn answers(&self, pixels: Vec<u8>, n: usize) -> Result<Vec<Answer>, PredictError> {
        // As one of the threads that layers are divided among: from outside, each layer would wake one and be woken by it.
        match self.is_divided {
            true => rayon::scope(|_| self.compute(pixels, n)),
            false => self.compute(pixels, n),
        }
    }

    /// The same on this thread.
    fn compute(&self, pixels: Vec<u8>, n: usize) -> Result<Vec<Answer>, PredictError> {
        let shape = self.shape();
        let expected = shape.len().saturating_mul(n);
        if pixels.len() != expected {
            return Err(PredictError::Pixels { found: pixels.len(), expected });
        }
        if n == 0 {
            return Ok(Vec::new());
        }
        let [channels, height, width] =
            [shape.channels, shape.height, shape.width].map(|extent| extent as usize);
        let pixels = pixels_to_tensor(pixels, [n, height, width, channels], &self.device);
        let probabilities = loss::probabilities(self.network.forward(pixels), self.output);
        let values: Vec<f32> = probabilities.into_data().iter::<f32>().collect();
        Ok(values.chunks(self.classes()).map(finite).collect())
    }

    /// Computes an answer nobody asked for, so that the first request does not wait for what a device does once.
    ///
    /// # Errors
    /// Weights that give no finite answer even to a black image: a training that diverged.
    pub fn warm_up(&self) -> Result<(), PredictError> {
        // On this thread: among those of the layers, another model's answer might have to wait for all of it.
        let answers = self.compute(vec![0; self.shape().len()], 1)?;
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// Whether an image can have several classes, each with a probability of its own.
    pub fn is_multi_label(&self) -> bool {
        self.output == Output::Logistic
    }

    /// The network's input.
    pub fn shape(&self) -> InputShape {
        self.signature.shape()
    }

    /// Width of the answer.
    pub fn classes(&self) -> usize {
        self.signature.classes()
    }

    /// Name of class k at place k, if the artifact told them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.signature.class_names()
    }

    /// Name of class `class`, its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        self.signature.class_name(class)
    }
}

/// What one image gets: a probability for each class.
pub(crate) type Answer = Result<Vec<f32>, PredictError>;

fn finite(probabilities: &[f32]) -> Answer {
    match probabilities.iter().position(|value| !value.is_finite()) {
        Some(class) => Err(PredictError::NotFinite { class, found: probabilities[class] }),
        None => Ok(probabilities.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_no_answer() {
        assert_eq!(finite(&[0.25, 0.75]), Ok(vec![0.25, 0.75]));
        assert!(matches!(finite(&[0.5, f32::NAN]), Err(PredictError::NotFinite { class: 1, .. })));
        assert!(matches!(finite(&[f32::INFINITY]), Err(PredictError::NotFinite { class: 0, .. })));
    }
}

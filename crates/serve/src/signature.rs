//! What a model takes and what it gives.

use brazier_image::{ImageError, InputShape, Limits, Preprocess, probe};
use brazier_model::artifact::Artifact;
use brazier_model::layout::Output;
use brazier_model::{ModelError, artifact, metadata};

/// A SageMaker batch transform job sends up to 100 MB; the limits on pixels and memory stay the usual ones.
const MAX_IMAGE_BYTES: u64 = 100 << 20;

/// What is decoded at once: a PNG of this length cannot unfold to more than some megabytes, whatever it holds.
const QUICK_BYTES: usize = 4 << 10;
const QUICK_PIXELS: u64 = 128 * 128;

/// All that is needed to prepare a request and to word its answer, without the network itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    preprocessing: Preprocess,
    classes: usize,
    class_names: Option<Vec<String>>,
    multi_label: bool,
    version: String,
    bytes: u64,
}

impl Signature {
    /// From the artifact's `brazier.json`. An artifact without one is MXNet's: its images are squashed to the input's
    /// shape, as the built-in algorithm's endpoint does.
    ///
    /// # Errors
    /// A `brazier.json` that contradicts the graph or the input's shape.
    pub(crate) fn of(artifact: &Artifact) -> Result<Self, ModelError> {
        let shape = input_shape(artifact.shape)?;
        let classes = artifact.layout.classes;
        let known = |preprocessing, class_names| Signature {
            preprocessing,
            classes,
            class_names,
            multi_label: artifact.layout.output == Output::Logistic,
            version: version(artifact),
            bytes: artifact.arrays().map(|(_, _, values)| size_of_val(values) as u64).sum(),
        };
        let Some(metadata) = &artifact.metadata else {
            return Ok(known(Preprocess::squash(shape), None));
        };
        let refused = |reason: String| ModelError::File { file: metadata::FILE.into(), reason };
        let preprocessing: Preprocess = serde_json::from_value(metadata.preprocessing.clone())
            .map_err(|error| refused(format!("preprocessing: {error}")))?;
        if preprocessing.shape != shape {
            return Err(refused(format!(
                "preprocessing makes images of {}, {} says {shape}",
                preprocessing.shape,
                artifact::SHAPES_FILE
            )));
        }
        let class_names = metadata.class_names.clone();
        match &class_names {
            Some(names) if names.len() != classes => {
                Err(refused(format!("it names {} classes, the network has {classes}", names.len())))
            }
            _ => Ok(known(preprocessing, class_names)),
        }
    }

    /// Of a model without names, for tests.
    #[cfg(test)]
    pub(crate) fn nameless(preprocessing: Preprocess, classes: usize) -> Self {
        let version = String::new();
        Signature { preprocessing, classes, class_names: None, multi_label: false, version, bytes: 0 }
    }

    /// One encoded image as the network takes it: H x W x C bytes.
    ///
    /// # Errors
    /// Bytes that are no image, or one beyond the limits.
    pub fn preprocess(&self, encoded: &[u8]) -> Result<Vec<u8>, ImageError> {
        self.preprocess_within(encoded, &Self::limits())
    }

    /// What one image may cost, where there is memory enough.
    pub(crate) fn limits() -> Limits {
        Limits { max_bytes: MAX_IMAGE_BYTES, ..Limits::default() }
    }

    /// As [`Signature::preprocess`], within other limits.
    pub(crate) fn preprocess_within(&self, encoded: &[u8], limits: &Limits) -> Result<Vec<u8>, ImageError> {
        let mut pixels = vec![0; self.preprocessing.shape.len()];
        self.preprocessing.apply(encoded, limits, &mut pixels)?;
        Ok(pixels)
    }

    /// Whether `encoded` takes no longer than some hundredths of a millisecond to prepare: a digit, say.
    pub(crate) fn is_quick(&self, encoded: &[u8]) -> bool {
        let few = |pixels: u64| pixels <= QUICK_PIXELS;
        let shape = self.shape();
        encoded.len() <= QUICK_BYTES
            && few(u64::from(shape.width) * u64::from(shape.height))
            && probe(encoded).is_ok_and(|found| few(u64::from(found.width) * u64::from(found.height)))
    }

    /// The network's input.
    pub fn shape(&self) -> InputShape {
        self.preprocessing.shape
    }

    /// Width of the answer.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Name of class k at place k, if the artifact told them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// Whether an image can have several classes, each with a probability of its own.
    pub fn is_multi_label(&self) -> bool {
        self.multi_label
    }

    /// Which model this is: the number in the name of its weights' file and a checksum of the weights, `0007-1a2b3c4d`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Bytes of the weights.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Name of class `class`, its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        let name = self.class_names().and_then(|names| names.get(class));
        name.cloned().unwrap_or_else(|| class.to_string())
    }
}

fn version(artifact: &Artifact) -> String {
    let mut checksum = crc32fast::Hasher::new();
    for (name, _, values) in artifact.arrays() {
        checksum.update(name.as_bytes());
        checksum.update(bytemuck::cast_slice(values));
    }
    let name = artifact.params_file().trim_end_matches(".params");
    let number = name.rsplit('-').next().unwrap_or_default();
    format!("{number}-{:08x}", checksum.finalize())
}

fn input_shape(shape: [usize; 3]) -> Result<InputShape, ModelError> {
    match shape.map(u32::try_from) {
        [Ok(channels), Ok(height), Ok(width)] => Ok(InputShape::new(channels, height, width)),
        _ => Err(ModelError::ImageShape { channels: shape[0], height: shape[1], width: shape[2] }),
    }
}

//! An artifact in the forms of other programs.
//!
//! - [`onnx`]: graph and weights for ONNX Runtime and whoever reads its files
//! - [`safetensors`]: weights alone, under MXNet's names or torchvision's
//! - [`mxnet`]: the three files that MXNet's users know

use std::collections::BTreeMap;

use serde_json::json;

use crate::artifact::{self, Artifact};
use crate::layout::{Format, Output};
use crate::{Architecture, ModelError, torchvision};

pub mod onnx;

/// What `brazier.json` says that another program may want, as text by name.
fn facts(artifact: &Artifact) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("producer".to_owned(), concat!("brazier ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("num_layers".to_owned(), artifact.layout.depth().to_string()),
        ("resnet_version".to_owned(), artifact.layout.architecture.to_string()),
        ("image_shape".to_owned(), artifact.shape.map(|extent| extent.to_string()).join(",")),
        ("multi_label".to_owned(), u8::from(artifact.layout.output == Output::Logistic).to_string()),
    ]);
    if let Some(metadata) = &artifact.metadata {
        facts.insert("preprocessing".to_owned(), metadata.preprocessing.to_string());
        facts.extend(
            metadata.class_names.iter().map(|names| ("class_names".to_owned(), json!(names).to_string())),
        );
    }
    facts
}

/// The weights as a `.safetensors` file, float32: a v1.5 network's under torchvision's names, so that its
/// `load_state_dict` takes them, another's under MXNet's without `arg:` and `aux:`. The metadata holds depth, image shape,
/// class names and preprocessing, and `mean` and `std` of pixels of 0..1 where torchvision leaves them to its caller.
///
/// # Errors
/// Only a defect of this program: a tensor whose values do not fill its shape.
pub fn safetensors(artifact: &Artifact) -> Result<Vec<u8>, ModelError> {
    let refused = |reason: String| ModelError::Encode { file: ".safetensors", reason };
    let named = |name: &str| match artifact.layout.architecture {
        Architecture::V2 => Some(plain(name).to_owned()),
        Architecture::V15 => torchvision::name(plain(name), &artifact.layout.head),
    };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = artifact
        .arrays()
        .filter_map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            Some((named(name)?, shape.to_vec(), bytes))
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, bytes) in &bytes {
        let view = ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, shape.clone(), bytes);
        views.push((name, view.map_err(|error| refused(error.to_string()))?));
    }
    let mut facts = facts(artifact);
    if artifact.layout.architecture == Architecture::V15 {
        facts.extend(normalisation(artifact));
    }
    ::safetensors::serialize(views, Some(facts.into_iter().collect()))
        .map_err(|error| refused(error.to_string()))
}

/// `mean` and `std` of the image that the network's first layer takes away and divides by, of pixels of 0..1.
fn normalisation(artifact: &Artifact) -> impl Iterator<Item = (String, String)> {
    let epsilon = artifact.layout.architecture.epsilon();
    // What single precision adds to 0.485 is not worth telling.
    let rounded = |value: f64| (value / 255.0 * 1e6).round() / 1e6;
    artifact.arrays().filter_map(move |(name, _, values)| {
        let values = values.iter().map(|&value| f64::from(value));
        let (name, values): (_, Vec<f64>) = match name {
            "aux:bn_data_moving_mean" => ("mean", values.map(rounded).collect()),
            "aux:bn_data_moving_var" => {
                ("std", values.map(|value| rounded((value + epsilon).sqrt())).collect())
            }
            _ => return None,
        };
        Some((name.to_owned(), json!(values).to_string()))
    })
}

/// MXNet's files by name: the graph as this program writes it, float32 weights, the input's shape for one image.
///
/// # Errors
/// Only a defect of this program: a tensor whose values do not fill its shape.
pub fn mxnet(artifact: &Artifact) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
    Ok(BTreeMap::from([
        (
            artifact::SYMBOL_FILE.to_owned(),
            artifact::encode_symbol(&artifact.layout.clone().with_format(Format::Float32)),
        ),
        (artifact::SHAPES_FILE.to_owned(), artifact::encode_shapes(1, artifact.shape)),
        (artifact.params_file().to_owned(), artifact.encode_params()?),
    ]))
}

/// A parameter's name without `arg:` or `aux:`.
fn plain(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, name)| name)
}

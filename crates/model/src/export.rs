//! An artifact in the forms of other programs.
//!
//! - [`onnx`]: graph and weights for ONNX Runtime and whoever reads its files
//! - [`safetensors`]: weights alone, under MXNet's names
//! - [`mxnet`]: the three files that MXNet's users know

use std::collections::BTreeMap;

use serde_json::json;

use crate::artifact::{self, Artifact};
use crate::layout::Output;
use crate::{ModelError, graph};

pub mod onnx;

/// What `brazier.json` says that another program may want, as text by name.
fn facts(artifact: &Artifact) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("producer".to_owned(), concat!("brazier ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("num_layers".to_owned(), artifact.layout.depth().to_string()),
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

/// The weights as a `.safetensors` file, float32, under MXNet's names without `arg:` and `aux:`. Its metadata holds
/// depth, image shape, class names and preprocessing.
///
/// # Errors
/// Only a defect of this program: a tensor whose values do not fill its shape.
pub fn safetensors(artifact: &Artifact) -> Result<Vec<u8>, ModelError> {
    let refused = |reason: String| ModelError::Encode { file: ".safetensors", reason };
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = artifact
        .arrays()
        .map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (plain(name).to_owned(), shape.to_vec(), bytes)
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, bytes) in &bytes {
        let view = ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, shape.clone(), bytes);
        views.push((name, view.map_err(|error| refused(error.to_string()))?));
    }
    let facts = facts(artifact).into_iter().collect();
    ::safetensors::serialize(views, Some(facts)).map_err(|error| refused(error.to_string()))
}

/// MXNet's files by name: the graph as this program writes it, float32 weights, the input's shape for one image.
///
/// # Errors
/// Only a defect of this program: a tensor whose values do not fill its shape.
pub fn mxnet(artifact: &Artifact) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
    Ok(BTreeMap::from([
        (artifact::SYMBOL_FILE.to_owned(), graph::symbol(&artifact.layout).to_json().into_bytes()),
        (artifact::SHAPES_FILE.to_owned(), artifact::encode_shapes(1, artifact.shape)),
        (artifact.params_file().to_owned(), artifact.encode_params()?),
    ]))
}

/// A parameter's name without `arg:` or `aux:`.
fn plain(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, name)| name)
}

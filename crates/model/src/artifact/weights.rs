//! Weights without a graph, which a network of other classes begins with: MXNet's or ours in a `.params` file,
//! torchvision's or timm's in a `.safetensors` file.

use brazier_mxnet::params::{Dtype, NdArray};
use burn::tensor::Device;
use safetensors::SafeTensors;

use super::{Artifact, PARAMS_ENDING, read_arrays};
use crate::architecture::{Architecture, normalisation};
use crate::initial::gaussian;
use crate::parameters::{Arrays, fit, shapes};
use crate::{Layout, ModelError, ResNet, torchvision};

/// How torchvision's files end.
pub const TENSORS_ENDING: &str = ".safetensors";

/// Names told of a file that is not what it should be.
const TOLD: usize = 3;

/// Weights by the names that their file has for them.
pub struct Weights {
    file: String,
    architecture: Architecture,
    arrays: Arrays,
}

impl Weights {
    /// Whether a file of this name is one of weights.
    pub fn are_in(file: &str) -> bool {
        file.ends_with(PARAMS_ENDING) || file.ends_with(TENSORS_ENDING)
    }

    /// Reads the weights of `file`, of which `bytes` is the content.
    ///
    /// # Errors
    /// Bytes that are not what the name's ending says, or values that are not finite.
    pub fn read(file: String, bytes: &[u8]) -> Result<Self, ModelError> {
        let arrays = match file.ends_with(TENSORS_ENDING) {
            true => read_tensors(&file, bytes)?,
            false => read_arrays(&file, bytes)?,
        };
        for (name, (_, values)) in &arrays {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                let reason = format!("array '{name}' holds {value}, expected finite numbers");
                return Err(ModelError::File { file, reason });
            }
        }
        let is_v15 = file.ends_with(TENSORS_ENDING) || arrays.keys().any(|name| name.contains("_sc_bn_"));
        let architecture = if is_v15 { Architecture::V15 } else { Architecture::V2 };
        Ok(Weights { file, architecture, arrays })
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The architecture that the weights are of.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The model of `layout` that begins with these weights, trained on other classes: its last layer is new, random as
    /// `seed` says.
    ///
    /// # Errors
    /// Weights of another depth or, from torchvision's file, of other tensors. Whether those of a `.params` file fit shows
    /// in [`Artifact::into_network`].
    pub fn into_artifact(self, layout: Layout, shape: [usize; 3], seed: u64) -> Result<Artifact, ModelError> {
        // The arrays of a deeper network hold those of a shallower one, with the same shapes.
        let (found, wanted) = (self.depth(), layout.depth());
        if found != wanted {
            let reason = format!("its arrays are those of a ResNet-{found}, num_layers is {wanted}");
            return Err(ModelError::File { file: self.file, reason });
        }
        let mut arrays = match self.file.ends_with(TENSORS_ENDING) {
            true => renamed(&layout, &self.file, self.arrays)?,
            false => self.arrays,
        };
        let width = layout.stages.last().map_or(0, |stage| stage.filters);
        let weight = format!("{}_weight", layout.head);
        let values = gaussian(seed, &weight, &[layout.classes, width]);
        arrays.insert(format!("arg:{weight}"), (vec![layout.classes, width], values));
        arrays.insert(format!("arg:{}_bias", layout.head), (vec![layout.classes], vec![0.0; layout.classes]));
        Ok(Artifact { layout, shape, metadata: None, params_file: self.file, arrays })
    }

    /// The depth of the network that arrays of these names make, as `num_layers` counts it.
    fn depth(&self) -> usize {
        if self.file.ends_with(TENSORS_ENDING) {
            let names: Vec<&str> = self.arrays.keys().map(String::as_str).collect();
            return torchvision::depth(&names);
        }
        let ending = |ending: &str| {
            self.arrays.keys().filter(|name| name.starts_with("arg:stage") && name.ends_with(ending)).count()
        };
        let each = if ending("_conv3_weight") > 0 { 3 } else { 2 };
        2 + ending("_conv1_weight") * each
    }
}

/// Shape and values of every tensor of a `.safetensors` file, under its own name.
fn read_tensors(file: &str, bytes: &[u8]) -> Result<Arrays, ModelError> {
    let refused = |reason: String| ModelError::File { file: file.to_owned(), reason };
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| refused(error.to_string()))?;
    let mut arrays = Arrays::new();
    for (name, tensor) in tensors.iter().filter(|(name, _)| !torchvision::is_bookkeeping(name)) {
        let dtype = match tensor.dtype() {
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::Bf16,
            found => {
                return Err(refused(format!("tensor '{name}' is {found}, expected F32, F16 or BF16")));
            }
        };
        let array = NdArray { shape: tensor.shape().to_vec(), dtype, data: tensor.data().to_vec() };
        let values = array.to_f32().map_err(|error| refused(format!("tensor '{name}': {error}")))?;
        arrays.insert(name.to_owned(), (array.shape, values));
    }
    if arrays.contains_key("conv1.weight") {
        return Ok(arrays);
    }
    let told: Vec<&str> = arrays.keys().take(TOLD).map(String::as_str).collect();
    let found = if told.is_empty() { "none".into() } else { format!("{}, ...", told.join(", ")) };
    Err(refused(format!("it has no tensor 'conv1.weight', expected torchvision's names; it has {found}")))
}

/// Torchvision's tensors under the names of the network of `layout`, with the normalisation that they were trained on.
/// Their last layer is left out.
fn renamed(layout: &Layout, file: &str, mut tensors: Arrays) -> Result<Arrays, ModelError> {
    let mut arrays = Arrays::new();
    for (key, name, expected) in shapes(&ResNet::new(layout, &Device::flex()), &layout.head) {
        let Some(theirs) = torchvision::name(&name, &layout.head) else { continue };
        let tensor = tensors.remove(&theirs);
        if torchvision::is_head(&theirs) {
            continue;
        }
        fit(file, &theirs, tensor.as_ref().map(|(shape, _)| shape.as_slice()), &expected)?;
        arrays.extend(tensor.map(|tensor| (key, tensor)));
    }
    if let Some(name) = tensors.keys().next() {
        let reason = format!("tensor '{name}' has no place in torchvision's ResNet-{}", layout.depth());
        return Err(ModelError::File { file: file.to_owned(), reason });
    }
    let (mean, variance) = normalisation(layout.channels);
    for (key, values) in [
        ("arg:bn_data_gamma", vec![1.0; layout.channels]),
        ("arg:bn_data_beta", vec![0.0; layout.channels]),
        ("aux:bn_data_moving_mean", mean),
        ("aux:bn_data_moving_var", variance),
    ] {
        arrays.insert(key.to_owned(), (vec![layout.channels], values));
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests;

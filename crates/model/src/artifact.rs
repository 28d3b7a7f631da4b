//! What training leaves for serving: MXNet's three files and `brazier.json`.
//!
//! Source of names and contents: artifacts of the replaced algorithm; `model-shapes.json` holds one input, `data`,
//! with the training batch size as its first extent.

use std::collections::BTreeMap;

use brazier_mxnet::params::{NdArray, Params, ParamsError};
use brazier_mxnet::symbol::Symbol;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::initial::gaussian;
use crate::layout::{Format, Stage, UnitKind};
use crate::metadata::{self, Metadata};
use crate::parameters::{Arrays, export, fit, import, shapes};
use crate::{Layout, ModelError, ResNet, graph};

mod weights;

pub use weights::{TENSORS_ENDING, Weights};

/// The graph's file name.
pub const SYMBOL_FILE: &str = "image-classification-symbol.json";

/// The input shape's file name.
pub const SHAPES_FILE: &str = "model-shapes.json";

/// How MXNet's files of weights end.
pub const PARAMS_ENDING: &str = ".params";

const SYMBOL_ENDING: &str = "-symbol.json";

/// The weights' file name of 0-based `epoch`.
pub fn params_file(epoch: usize) -> String {
    format!("image-classification-{:04}.params", epoch + 1)
}

/// Of some file names that of the newest weights: the `.params` with the highest number; one without comes first.
pub fn newest_params<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let number =
        |name: &&str| -> Option<u64> { name.strip_suffix(PARAMS_ENDING)?.rsplit('-').next()?.parse().ok() };
    names.into_iter().filter(|name| name.ends_with(PARAMS_ENDING)).max_by_key(number)
}

#[derive(Serialize, Deserialize)]
struct InputShape {
    shape: Vec<usize>,
    name: String,
}

/// The bytes of [`SYMBOL_FILE`].
pub fn encode_symbol(layout: &Layout) -> Vec<u8> {
    graph::symbol(layout).to_json().into_bytes()
}

/// The bytes of [`SHAPES_FILE`] for a training batch of `batch` images.
pub fn encode_shapes(batch: usize, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    format!(r#"[{{"shape": [{batch}, {channels}, {height}, {width}], "name": "data"}}]"#).into_bytes()
}

/// The bytes of a [`params_file`] of `layout`: learned tensors in graph order, then moving statistics, in the layout's format.
///
/// # Errors
/// Only a defect of this program: an array whose values do not fill its shape.
pub fn encode_params(network: &ResNet, layout: &Layout) -> Result<Vec<u8>, ModelError> {
    let parameters = export(network, &layout.head);
    let arrays = parameters.iter().map(|one| (one.key(), one.shape.as_slice(), one.values.as_slice()));
    encode_arrays(arrays, |name| is_half(name, layout))
}

/// Whether an array is float16. MXNet infers it so from a cast of the image: what multiplies it is, batch norms are not.
fn is_half(name: &str, layout: &Layout) -> bool {
    let multiplies = name.ends_with("_weight")
        || name.strip_suffix("_bias").is_some_and(|name| name.ends_with(&layout.head));
    layout.format == Format::Float16 && multiplies
}

fn encode_arrays<'a>(
    arrays: impl Iterator<Item = (String, &'a [usize], &'a [f32])>,
    is_half: impl Fn(&str) -> bool,
) -> Result<Vec<u8>, ModelError> {
    let array = |(name, shape, values): (String, &[usize], &[f32])| {
        let array = match is_half(&name) {
            true => NdArray::from_f32_as_f16(shape, values)?,
            false => NdArray::from_f32(shape, values)?,
        };
        Ok((name, array))
    };
    let mut bytes = Vec::new();
    arrays
        .map(array)
        .collect::<Result<_, ParamsError>>()
        .and_then(|arrays| Params(arrays).write(&mut bytes))
        .map_err(|error| ModelError::Encode { file: PARAMS_ENDING, reason: error.to_string() })?;
    Ok(bytes)
}

/// A model read from an artifact's files, ours or the replaced algorithm's.
#[derive(Clone)]
pub struct Artifact {
    /// The network its graph shows.
    pub layout: Layout,
    /// Channels, height and width of the input.
    pub shape: [usize; 3],
    /// `brazier.json`, which old artifacts lack.
    pub metadata: Option<Metadata>,
    params_file: String,
    arrays: Arrays,
}

impl Artifact {
    /// Reads the model from `files` (name to bytes); names it does not know are left alone. Of several `.params`
    /// files the one with the highest number counts.
    ///
    /// # Errors
    /// A missing file, or one that is not what its name says.
    pub fn read(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, ModelError> {
        let (symbol_file, symbol) = find(&files, SYMBOL_ENDING)?;
        let symbol = parse(symbol_file, symbol, |text| Symbol::parse(text).map_err(|e| e.to_string()))?;
        let params_file = find(&files, PARAMS_ENDING)?.0.clone();
        let bytes = files.remove(&params_file).unwrap_or_default();
        let params = read_params(&params_file, &bytes)?;
        // Weights need not lie in memory three times.
        drop(bytes);
        let arrays = arrays(&params_file, params)?;
        let (shapes_file, shapes) = find(&files, SHAPES_FILE)?;
        let shape = parse(shapes_file, shapes, read_shape)?;
        let metadata = files.get(metadata::FILE).map(|bytes| Metadata::decode(bytes)).transpose()?;
        let layout = graph::layout(&symbol, shape[0])?;
        Ok(Artifact { layout, shape, metadata, params_file, arrays })
    }

    /// Builds the network with its weights on `device`.
    ///
    /// # Errors
    /// A tensor that the weights file lacks or has in another shape.
    pub fn into_network(self, device: &Device) -> Result<ResNet, ModelError> {
        self.check_widths()?;
        let network = ResNet::new(&self.layout, device);
        import(network, &self.layout.head, self.arrays, &self.params_file)
    }

    /// Compares the widths the graph shows with the weights, before memory is taken for them: a hostile graph costs no
    /// more than the file has paid for.
    fn check_widths(&self) -> Result<(), ModelError> {
        let convolution = if self.layout.unit == UnitKind::Basic { "conv2" } else { "conv3" };
        let stages = self.layout.stages.iter().enumerate().map(|(stage, Stage { filters, .. })| {
            (format!("arg:stage{}_unit1_{convolution}_weight", stage + 1), *filters)
        });
        let ends = [
            ("arg:conv0_weight".to_owned(), self.layout.stem_filters),
            (format!("arg:{}_weight", self.layout.head), self.layout.classes),
        ];
        for (name, width) in stages.chain(ends) {
            let file = self.params_file.clone();
            match self.arrays.get(&name).map(|(shape, _)| shape) {
                Some(shape) if shape.first() == Some(&width) => {}
                Some(found) => {
                    let expected = std::iter::once(width).chain(found.iter().skip(1).copied()).collect();
                    return Err(ModelError::ParameterShape { file, name, found: found.clone(), expected });
                }
                None => return Err(ModelError::MissingParameter { file, name, expected: vec![width] }),
            }
        }
        Ok(())
    }

    /// Makes the last layer one for the classes `new`: each has the weights of the class of that name among `old`, those of
    /// the model; a class of another name begins at random, as `seed` says.
    ///
    /// # Errors
    /// Names that are not as many as the model's classes, or weights that are not those of a last layer.
    pub fn match_classes(&mut self, old: &[String], new: &[String], seed: u64) -> Result<(), ModelError> {
        let classes = self.layout.classes;
        if old.len() != classes {
            let reason = format!("it names {} classes, the network has {classes}", old.len());
            return Err(ModelError::File { file: metadata::FILE.into(), reason });
        }
        self.check_widths()?;
        let from = |name: &String| old.iter().position(|old| old == name);
        for (ending, random) in [("weight", true), ("bias", false)] {
            let name = format!("{}_{ending}", self.layout.head);
            let Some((shape, values)) = self.arrays.get_mut(&format!("arg:{name}")) else { continue };
            let width = values.len() / classes.max(1);
            let wanted: Vec<usize> =
                std::iter::once(new.len()).chain(shape.iter().skip(1).copied()).collect();
            let mut rows = match random {
                true => gaussian(seed, &name, &wanted),
                false => vec![0.0; new.len() * width],
            };
            for (row, name) in rows.chunks_mut(width.max(1)).zip(new) {
                if let Some(kept) = from(name).and_then(|at| values.get(at * width..(at + 1) * width)) {
                    row.copy_from_slice(kept);
                }
            }
            (*shape, *values) = (wanted, rows);
        }
        self.layout.classes = new.len();
        Ok(())
    }

    /// Checks that every array of the network is there in its shape, as [`Artifact::into_network`] does.
    ///
    /// # Errors
    /// A tensor that the weights file lacks or has in another shape.
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_widths()?;
        let network = ResNet::new(&self.layout, &Device::flex());
        for (key, _, expected) in shapes(&network, &self.layout.head) {
            let found = self.arrays.get(&key).map(|(shape, _)| shape.as_slice());
            fit(&self.params_file, &key, found, &expected)?;
        }
        Ok(())
    }

    /// Name (with its `arg:` or `aux:`), shape and values of every array, by name.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &[usize], &[f32])> {
        self.arrays.iter().map(|(name, (shape, values))| (name.as_str(), shape.as_slice(), values.as_slice()))
    }

    /// The bytes of a `.params` file of all arrays, float32.
    ///
    /// # Errors
    /// Values that do not fill their shape, which reading has checked.
    pub(crate) fn encode_params(&self) -> Result<Vec<u8>, ModelError> {
        encode_arrays(self.arrays().map(|(name, shape, values)| (name.to_owned(), shape, values)), |_| false)
    }

    /// Name of the weights' file.
    pub fn params_file(&self) -> &str {
        &self.params_file
    }
}

/// Shape and values of every array of a `.params` file.
fn read_arrays(file: &str, bytes: &[u8]) -> Result<Arrays, ModelError> {
    arrays(file, read_params(file, bytes)?)
}

fn read_params(file: &str, bytes: &[u8]) -> Result<Params, ModelError> {
    Params::read(bytes).map_err(|error| ModelError::File { file: file.to_owned(), reason: error.to_string() })
}

/// The arrays' values; each array goes as soon as they are taken.
fn arrays(file: &str, params: Params) -> Result<Arrays, ModelError> {
    let mut arrays = Arrays::new();
    for (name, array) in params.0 {
        let values = array.to_f32().map_err(|error| ModelError::File {
            file: file.to_owned(),
            reason: format!("array '{name}': {error}"),
        })?;
        arrays.insert(name, (array.shape, values));
    }
    Ok(arrays)
}

/// The file that ends so: of weights the newest, of others the last in name order.
fn find<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    ending: &'static str,
) -> Result<(&'a String, &'a Vec<u8>), ModelError> {
    let found = match ending {
        PARAMS_ENDING => {
            newest_params(files.keys().map(String::as_str)).and_then(|name| files.get_key_value(name))
        }
        _ => files.iter().rev().find(|(name, _)| name.ends_with(ending)),
    };
    found.ok_or_else(|| ModelError::MissingFile {
        expected: match ending {
            PARAMS_ENDING => "image-classification-NNNN.params",
            SYMBOL_ENDING => SYMBOL_FILE,
            other => other,
        },
        found: match files.is_empty() {
            true => "no file".into(),
            false => files.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        },
    })
}

fn parse<T>(file: &str, bytes: &[u8], read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ModelError> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string());
    text.and_then(read).map_err(|reason| ModelError::File { file: file.to_owned(), reason })
}

/// More pixels a side than any image this program takes.
const MAX_EXTENT: usize = 1 << 14;

fn read_shape(text: &str) -> Result<[usize; 3], String> {
    let inputs: Vec<InputShape> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let data = inputs.iter().find(|input| input.name == "data").ok_or("it names no input 'data'")?;
    match data.shape[..] {
        [_, c @ (1 | 3), h @ 1..=MAX_EXTENT, w @ 1..=MAX_EXTENT] => Ok([c, h, w]),
        ref found => {
            Err(format!("the shape of 'data' is {found:?}, expected [batch, 1 or 3, height, width]"))
        }
    }
}

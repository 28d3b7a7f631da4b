//! Every tensor of the network under its MXNet name, in graph order.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

pub use crate::names::Kind;
use crate::names::Path;
use crate::{ModelError, ResNet};

/// A tensor taken out of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// MXNet's name without `arg:` or `aux:`.
    pub name: String,
    /// Learned or moving.
    pub kind: Kind,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Values in C order.
    pub values: Vec<f32>,
}

impl Parameter {
    /// The name as a `.params` file has it: `arg:…` or `aux:…`.
    pub fn key(&self) -> String {
        key(&self.name, self.kind)
    }
}

fn key(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Learned => format!("arg:{name}"),
        Kind::Moving => format!("aux:{name}"),
    }
}

/// Shape and values of tensors by their key in a `.params` file.
pub type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// What [`map`] calls for each tensor.
pub trait Map {
    /// Returns the tensor's next value, of the same shape.
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D>;
}

/// Replaces every tensor by what `each` makes of it, in graph order. What requires a gradient goes on doing so.
pub fn map(network: ResNet, head: &str, each: &mut impl Map) -> ResNet {
    network.map(&mut Walk { path: Path::default(), head, each })
}

/// Copies every tensor to the host: the learned ones in graph order, then the moving ones.
pub fn export(network: &ResNet, head: &str) -> Vec<Parameter> {
    let mut read = Read { path: Path::default(), head, found: Vec::new() };
    network.visit(&mut read);
    read.found.sort_by_key(|parameter| parameter.kind == Kind::Moving);
    read.found
}

/// Key, name and shape of every tensor in graph order: [`export`] without the values.
pub(crate) fn shapes(network: &ResNet, head: &str) -> Vec<(String, String, Vec<usize>)> {
    let mut measure = Measure { path: Path::default(), head, found: Vec::new() };
    network.visit(&mut measure);
    measure.found
}

/// Whether every value of every tensor is a number that is not infinite.
pub fn is_finite(network: &ResNet, head: &str) -> bool {
    export(network, head).iter().all(|parameter| parameter.values.iter().all(|value| value.is_finite()))
}

/// Gives the network the tensors of `arrays` (`arg:` and `aux:` keys to shape and values). Arrays the network does
/// not have are ignored, as MXNet's loader does.
///
/// # Errors
/// A tensor that `arrays` lacks or has in another shape; `file` is named in the message.
pub fn import(network: ResNet, head: &str, arrays: Arrays, file: &str) -> Result<ResNet, ModelError> {
    let mut write = Write { arrays, file, error: None };
    let network = map(network, head, &mut write);
    write.error.map_or(Ok(network), Err)
}

/// Compares the shape that `file` has of an array, if it has it, with the network's.
pub(crate) fn fit(
    file: &str,
    name: &str,
    found: Option<&[usize]>,
    expected: &[usize],
) -> Result<(), ModelError> {
    let (file, name, expected) = (file.to_owned(), name.to_owned(), expected.to_vec());
    match found {
        Some(found) if *found == expected[..] => Ok(()),
        Some(found) => Err(ModelError::ParameterShape { file, name, found: found.to_vec(), expected }),
        None => Err(ModelError::MissingParameter { file, name, expected }),
    }
}

struct Walk<'a, M> {
    path: Path,
    head: &'a str,
    each: &'a mut M,
}

impl<M: Map> ModuleMapper for Walk<'_, M> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, kind) = (self.path.mxnet_name(self.head), self.path.kind());
        param.map(|value| {
            let needs_gradient = value.is_require_grad();
            self.each.tensor(&name, kind, value).set_require_grad(needs_gradient)
        })
    }
}

struct Read<'a> {
    path: Path,
    head: &'a str,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Read<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        self.found.push(Parameter {
            name: self.path.mxnet_name(self.head),
            kind: self.path.kind(),
            shape: value.dims().to_vec(),
            values: value.into_data().iter::<f32>().collect(),
        });
    }
}

struct Measure<'a> {
    path: Path,
    head: &'a str,
    found: Vec<(String, String, Vec<usize>)>,
}

impl ModuleVisitor for Measure<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.mxnet_name(self.head);
        self.found.push((key(&name, self.path.kind()), name, param.lazy_shape().to_vec()));
    }
}

struct Write<'a> {
    arrays: Arrays,
    file: &'a str,
    error: Option<ModelError>,
}

impl Map for Write<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        let name = key(name, kind);
        let array = self.arrays.remove(&name);
        match (fit(self.file, &name, array.as_ref().map(|(shape, _)| shape.as_slice()), &value.dims()), array)
        {
            (Ok(()), Some((shape, values))) => {
                Tensor::from_data(TensorData::new(values, shape), &value.device())
            }
            (outcome, _) => {
                self.error = self.error.take().or(outcome.err());
                value
            }
        }
    }
}

//! The large part of a checkpoint.
//!
//! Taking it costs the training thread nothing but handles: tensors do not change once they are made, so that their values can be
//! copied by the thread that writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use brazier_checkpoint::state::Sections;
use brazier_model::parameters::{Arrays, Kind, Map, import, map};
use brazier_model::{ModelError, ResNet};
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::State;

/// A run's state at one moment.
pub struct Snapshot {
    /// Steps of the run so far.
    pub update: u64,
    /// What is small.
    pub state: State,
    /// Flattened tensors by section name.
    pub tensors: Vec<(String, Tensor<1>)>,
    /// Bytes of other kinds by section name.
    pub bytes: Vec<(String, Vec<u8>)>,
}

impl Snapshot {
    /// The state and all sections, whose values are copied here.
    pub fn into_parts(self) -> (u64, State, Sections<'static>) {
        let tensors = self.tensors.into_iter().map(|(name, tensor)| (name, little_endian(tensor)));
        let sections = tensors.chain(self.bytes).map(|(name, bytes)| (name, Cow::Owned(bytes)));
        (self.update, self.state, sections.collect())
    }
}

/// A loop that the compiler makes a copy of memory: hundreds of megabytes go through it.
#[expect(clippy::expect_used, reason = "the data were made float32 in the line before")]
fn little_endian(tensor: Tensor<1>) -> Vec<u8> {
    let data = tensor.into_data().convert_dtype(DType::F32);
    let values = data.as_slice::<f32>().expect("float32 data");
    let mut bytes = vec![0; values.len() * 4];
    let (places, _) = bytes.as_chunks_mut::<4>();
    places.iter_mut().zip(values).for_each(|(place, value)| *place = value.to_le_bytes());
    bytes
}

/// Adds every tensor of a network without gradients under `prefix` and its name in a `.params` file.
pub fn collect(network: ResNet, head: &str, prefix: &str, into: &mut Vec<(String, Tensor<1>)>) {
    map(network, head, &mut Collect { prefix, into });
}

struct Collect<'a> {
    prefix: &'a str,
    into: &'a mut Vec<(String, Tensor<1>)>,
}

impl Map for Collect<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        self.into.push((section(self.prefix, name, kind), value.clone().reshape([-1])));
        value
    }
}

fn section(prefix: &str, name: &str, kind: Kind) -> String {
    let kind = if kind == Kind::Learned { "arg" } else { "aux" };
    format!("{prefix}/{kind}:{name}")
}

/// The sections of a checkpoint that were not used yet.
pub type Bytes = BTreeMap<String, Vec<u8>>;

/// Gives `network` the tensors under `prefix`.
///
/// # Errors
/// One that is not there, or of another length; `file` is named.
pub fn restore(
    network: ResNet,
    head: &str,
    prefix: &str,
    bytes: &mut Bytes,
    file: &str,
) -> Result<ResNet, ModelError> {
    let mut fetch = Fetch { prefix, bytes, arrays: Arrays::new() };
    let network = map(network, head, &mut fetch);
    import(network, head, fetch.arrays, file)
}

struct Fetch<'a> {
    prefix: &'a str,
    bytes: &'a mut Bytes,
    arrays: Arrays,
}

impl Map for Fetch<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        let section = section(self.prefix, name, kind);
        if let Some(bytes) = self.bytes.remove(&section) {
            let values = floats(&bytes);
            let shape = value.dims().to_vec();
            // Another length is told as another shape.
            let shape =
                if values.len() == shape.iter().product::<usize>() { shape } else { vec![values.len()] };
            let key =
                section.strip_prefix(self.prefix).and_then(|key| key.strip_prefix('/')).unwrap_or(&section);
            self.arrays.insert(key.to_owned(), (shape, values));
        }
        value
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// What an optimizer remembers, by parameter name.
pub type Moments = BTreeMap<String, Vec<Tensor<1>>>;

/// Adds the moments of an optimizer.
pub fn collect_moments(moments: &Moments, into: &mut Vec<(String, Tensor<1>)>) {
    for (name, all) in moments {
        let numbered = all.iter().enumerate();
        into.extend(numbered.map(|(number, moment)| (format!("moment{number}/{name}"), moment.clone())));
    }
}

/// Checks that there are `count` moments, or none, of each learned tensor, each of its length, and of nothing else.
///
/// # Errors
/// The first that differs, in words.
pub fn check_moments(moments: &Moments, network: &ResNet, head: &str, count: usize) -> Result<(), String> {
    let mut tensors = Vec::new();
    collect(network.clone(), head, "", &mut tensors);
    let lengths: BTreeMap<&str, usize> = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("/arg:")?, tensor.dims()[0])))
        .collect();
    for (name, all) in moments {
        let Some(&length) = lengths.get(name.as_str()) else {
            return Err(format!("it remembers '{name}', which the network does not learn"));
        };
        if all.len() != count || all.iter().any(|moment| moment.dims()[0] != length) {
            let found: Vec<usize> = all.iter().map(|moment| moment.dims()[0]).collect();
            return Err(format!(
                "it remembers {found:?} numbers of '{name}', expected {count} times {length}"
            ));
        }
    }
    Ok(())
}

/// The moments among the sections.
pub fn restore_moments(bytes: &mut Bytes, device: &Device) -> Moments {
    let mut moments = Moments::new();
    for number in 0.. {
        let prefix = format!("moment{number}/");
        let names: Vec<String> = bytes.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        if names.is_empty() {
            break;
        }
        for section in names {
            let values = bytes.remove(&section).map(|bytes| floats(&bytes)).unwrap_or_default();
            let length = values.len();
            let tensor = Tensor::from_data(TensorData::new(values, [length]), device);
            moments.entry(section[prefix.len()..].to_owned()).or_default().push(tensor);
        }
    }
    moments
}

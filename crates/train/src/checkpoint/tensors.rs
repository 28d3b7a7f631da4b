//! The large part of a checkpoint.
//!
//! Taking it costs the training thread nothing but handles: tensors do not change once they are made, so that their values can be
//! copied by the thread that writes them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use brazier_checkpoint::state::Section;
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
    /// What is large.
    pub parts: Vec<Part>,
}

/// A section of a checkpoint.
pub struct Part {
    name: String,
    content: Content,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are tensors")]
enum Content {
    /// Float32 values.
    Tensor(Tensor<1>),
    Bytes(Vec<u8>),
}

impl Part {
    /// Bytes of any kind.
    pub fn of_bytes(name: String, bytes: Vec<u8>) -> Self {
        Part { name, content: Content::Bytes(bytes) }
    }

    fn of_tensor<const D: usize>(name: String, tensor: Tensor<D>) -> Self {
        Part { name, content: Content::Tensor(tensor.reshape([-1])) }
    }
}

impl Section for Part {
    fn name(&self) -> &str {
        &self.name
    }

    fn bytes(&self) -> u64 {
        match &self.content {
            Content::Tensor(tensor) => tensor.dims()[0] as u64 * 4,
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        match self.content {
            Content::Tensor(tensor) => write_floats(&tensor, out),
            Content::Bytes(bytes) => out.write_all(&bytes),
        }
    }
}

/// Values that become bytes at a time: few enough that they are in the cache and that their memory is used again and again.
const STRETCH: usize = 1 << 16;

/// Hundreds of megabytes go through here. A tensor as a whole would be copied into new memory, which costs as much as the disk.
fn write_floats(tensor: &Tensor<1>, out: &mut dyn Write) -> io::Result<()> {
    let length = tensor.dims()[0];
    let mut bytes = Vec::with_capacity(STRETCH.min(length) * 4);
    for first in (0..length).step_by(STRETCH) {
        let stretch = tensor.clone().slice_dim(0, first..length.min(first + STRETCH));
        let data = stretch.into_data().convert_dtype(DType::F32);
        let values = data.as_slice::<f32>().map_err(|error| io::Error::other(format!("{error:?}")))?;
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Adds every tensor of a network without gradients under `prefix` and its name in a `.params` file.
pub fn collect(network: ResNet, head: &str, prefix: &str, into: &mut Vec<Part>) {
    map(network, head, &mut Collect { prefix, into });
}

struct Collect<'a> {
    prefix: &'a str,
    into: &'a mut Vec<Part>,
}

impl Map for Collect<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        self.into.push(Part::of_tensor(section(self.prefix, name, kind), value.clone()));
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
pub fn collect_moments(moments: &Moments, into: &mut Vec<Part>) {
    for (name, all) in moments {
        let part = |(number, moment): (usize, &Tensor<1>)| {
            Part::of_tensor(format!("moment{number}/{name}"), moment.clone())
        };
        into.extend(all.iter().enumerate().map(part));
    }
}

/// Checks that there are `count` moments, or none, of each learned tensor, each of its length, and of nothing else.
///
/// # Errors
/// The first that differs, in words.
pub fn check_moments(moments: &Moments, network: &ResNet, head: &str, count: usize) -> Result<(), String> {
    let mut parts = Vec::new();
    collect(network.clone(), head, "", &mut parts);
    let length = |part: &Part| usize::try_from(part.bytes() / 4).unwrap_or_default();
    let lengths: BTreeMap<&str, usize> =
        parts.iter().filter_map(|part| Some((part.name.strip_prefix("/arg:")?, length(part)))).collect();
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

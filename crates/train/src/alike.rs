//! What must be alike on all ranks: they take rank 0's.

use brazier_collective::{Collective, CollectiveError};
use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Tensor, TensorData};

/// Gives `network` the tensors of rank 0's: all, or with `statistics` the moving statistics alone, which each rank keeps of the images
/// that it sees.
///
/// # Errors
/// Another rank is gone; a network of another form on rank 0.
pub fn as_on_the_first(
    network: ResNet,
    head: &str,
    statistics: bool,
    collective: &mut dyn Collective,
) -> Result<ResNet, CollectiveError> {
    if collective.world() == 1 {
        return Ok(network);
    }
    let mut give = Give { statistics, bytes: Vec::new() };
    let network = map(network, head, &mut give);
    let (expected, mut bytes) = (give.bytes.len(), give.bytes);
    collective.broadcast(0, &mut bytes)?;
    if bytes.len() != expected {
        let (expected, found) = (expected / 4, bytes.len() / 4);
        return Err(CollectiveError::Length { rank: 0, name: String::new(), expected, found });
    }
    match collective.rank() {
        0 => Ok(network),
        _ => Ok(map(network, head, &mut Take { statistics, rest: &bytes })),
    }
}

fn is_meant(kind: Kind, statistics: bool) -> bool {
    kind == Kind::Moving || !statistics
}

struct Give {
    statistics: bool,
    bytes: Vec<u8>,
}

impl Map for Give {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if is_meant(kind, self.statistics) {
            self.bytes.extend(value.to_data().iter::<f32>().flat_map(f32::to_le_bytes));
        }
        value
    }
}

struct Take<'a> {
    statistics: bool,
    /// As many as the network has.
    rest: &'a [u8],
}

impl Map for Take<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if !is_meant(kind, self.statistics) {
            return value;
        }
        let (own, rest) = self.rest.split_at(value.shape().num_elements() * 4);
        self.rest = rest;
        let values: Vec<f32> =
            own.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Tensor::from_data(TensorData::new(values, value.shape()), &value.device())
    }
}

/// The moving statistics of a network at one moment.
pub struct Statistics(Vec<Tensor<1>>);

impl Statistics {
    /// Those of now.
    pub fn of(network: &ResNet, head: &str) -> Self {
        let mut keep = Keep(Vec::new());
        map(network.clone(), head, &mut keep);
        Statistics(keep.0)
    }

    /// Gives them back to `network`, whose clones share its statistics.
    pub fn put_back(self, network: &ResNet, head: &str) {
        map(network.clone(), head, &mut PutBack(self.0.into_iter()));
    }
}

struct Keep(Vec<Tensor<1>>);

impl Map for Keep {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if kind == Kind::Moving {
            self.0.push(value.clone().reshape([-1]));
        }
        value
    }
}

struct PutBack(std::vec::IntoIter<Tensor<1>>);

impl Map for PutBack {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if kind != Kind::Moving {
            return value;
        }
        let shape = value.shape();
        self.0.next().map_or(value, |kept| kept.reshape(shape))
    }
}

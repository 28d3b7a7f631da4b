//! Gradients that are summed on the GPUs, in one bucket, without a way through the hosts.

#![expect(unsafe_code, reason = "the sum is made by another library than burn, at an address")]

use brazier_collective::{Collective, CollectiveError, OnDevice};
use brazier_model::ResNet;
use brazier_model::device::resident;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor};

/// As [`super::reduce_gradients`].
pub fn reduce(
    network: ResNet,
    head: &str,
    gradients: &mut Gradients,
    share: f64,
    collective: &mut dyn Collective,
) -> Result<(), CollectiveError> {
    let rank = collective.rank();
    let mut gather = Gather { gradients, flat: Vec::new() };
    let network = map(network, head, &mut gather);
    let flat = gather.flat;
    if flat.is_empty() {
        return Ok(());
    }
    let bucket = Tensor::cat(flat, 0) * share;
    let sum = |address, len| {
        // SAFETY: `with_address` says where the bucket lies, on this rank's device, and keeps it there; nothing else knows it.
        let values = unsafe { OnDevice::new(address, len) };
        collective.all_reduce_on_device(values)
    };
    resident::with_address(&bucket, sum).map_err(|why| CollectiveError::Devices { rank, why })??;
    map(network, head, &mut Scatter { gradients, bucket, first: 0 });
    Ok(())
}

struct Gather<'a> {
    gradients: &'a Gradients,
    flat: Vec<Tensor<1>>,
}

impl Map for Gather<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            self.flat.push(gradient.reshape([-1]));
        }
        value
    }
}

struct Scatter<'a> {
    gradients: &'a mut Gradients,
    bucket: Tensor<1>,
    first: usize,
}

impl Map for Scatter<'_> {
    fn tensor<const D: usize>(&mut self, _name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            let shape = gradient.shape();
            let end = self.first + shape.num_elements();
            let sum = self.bucket.clone().slice(self.first..end);
            self.first = end;
            value.grad_replace(self.gradients, sum.reshape(shape));
        }
        value
    }
}

//! Gradients of a batch that is computed part by part, because its whole would not fit into memory.

use std::collections::BTreeMap;
use std::ops::Range;

use brazier_model::ResNet;
use brazier_model::parameters::{Kind, Map, map};
use burn::tensor::{Gradients, Tensor};

/// `images` in at most `parts` ranges that differ by one image at most: those before the last, and the last.
pub fn split(images: usize, parts: usize) -> (impl Iterator<Item = Range<usize>>, Range<usize>) {
    let parts = parts.clamp(1, images.max(1));
    let range = move |part: usize| part * images / parts..(part + 1) * images / parts;
    ((0..parts - 1).map(range), range(parts - 1))
}

/// Sums of the gradients of some parts, by parameter name.
#[derive(Default)]
pub struct Sums(BTreeMap<String, Tensor<1>>);

impl Sums {
    /// Adds the gradients of a further part.
    pub fn add(&mut self, network: ResNet, head: &str, gradients: &Gradients) {
        map(network, head, &mut Gather { sums: &mut self.0, gradients });
    }

    /// Adds the sums to the gradients of the last part.
    pub fn pour(mut self, network: ResNet, head: &str, gradients: &mut Gradients) {
        if !self.0.is_empty() {
            map(network, head, &mut Pour { sums: &mut self.0, gradients });
        }
    }
}

struct Gather<'a> {
    sums: &'a mut BTreeMap<String, Tensor<1>>,
    gradients: &'a Gradients,
}

impl Map for Gather<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients)) {
            let gradient = gradient.reshape([-1]);
            let sum = match self.sums.remove(name) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            self.sums.insert(name.to_owned(), sum);
        }
        value
    }
}

struct Pour<'a> {
    sums: &'a mut BTreeMap<String, Tensor<1>>,
    gradients: &'a mut Gradients,
}

impl Map for Pour<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        if let (Kind::Learned, Some(gradient)) = (kind, value.grad(self.gradients))
            && let Some(sum) = self.sums.remove(name)
        {
            let shape = gradient.shape();
            value.grad_replace(self.gradients, gradient + sum.reshape(shape));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_batch_once() {
        let ranges = |images, parts| {
            let (first, last) = split(images, parts);
            first.chain([last]).collect::<Vec<_>>()
        };
        assert_eq!(ranges(7, 3), [0..2, 2..4, 4..7]);
        assert_eq!(ranges(2, 5), [0..1, 1..2]);
        assert_eq!(ranges(6, 1), vec![Range { start: 0, end: 6 }]);
    }
}

//! The largest of a window, the mean of an image.

use std::sync::Arc;

use brazier_kernels::convolution::Images;
use brazier_kernels::pool::{self, Window};
use brazier_kernels::{Buffer, Path, ShapeError};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::switch;
use super::values::{ChannelsLast, Primitive, contiguous, from_channels_last, from_values, slice};

/// The largest value of each window; nothing where our kernels do not compute.
pub(crate) fn largest(x: &Tensor<4>, window: Window) -> Option<Tensor<4>> {
    let largest = Largest { window, path: switch::path()? };
    match Primitive::of(x)? {
        Primitive::Plain(x) => {
            largest.apply(&ChannelsLast::of(x), None).ok().map(Tensor::from_primitive::<Flex>)
        }
        Primitive::Tracked(x) => {
            let kind = largest.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful();
            let x = ChannelsLast::of(x.into_primitive());
            let mut taps = vec![0; window.target(x.images).pixels() * x.channels];
            let y = largest.apply(&x, Some(&mut taps)).ok()?;
            let y = match kind {
                OpsKind::Tracked(node) => node.finish((x.images, x.channels, Arc::new(taps)), y),
                OpsKind::UnTracked(node) => node.finish(y),
            };
            Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
        }
    }
}

/// The mean of each channel of each image, `[n, c]`; nothing where our kernels do not compute.
pub(crate) fn mean(x: &Tensor<4>) -> Option<Tensor<2>> {
    switch::path()?;
    match Primitive::of(x)? {
        Primitive::Plain(x) => Mean.apply(&ChannelsLast::of(x)).ok().map(Tensor::from_primitive::<Flex>),
        Primitive::Tracked(x) => {
            let kind = Mean.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful();
            let x = ChannelsLast::of(x.into_primitive());
            let y = Mean.apply(&x).ok()?;
            let y = match kind {
                OpsKind::Tracked(node) => node.finish((x.images, x.channels), y),
                OpsKind::UnTracked(node) => node.finish(y),
            };
            Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Largest {
    window: Window,
    path: Path,
}

impl Largest {
    /// The values; `taps` gets from which tap of its window each is.
    fn apply(self, x: &ChannelsLast, taps: Option<&mut [u8]>) -> Result<FlexTensor, ShapeError> {
        let target = self.window.target(x.images);
        let mut y = Buffer::new(target.pixels() * x.channels);
        self.window.largest(self.path, x.images, x.channels, x.values(), &mut y, taps)?;
        Ok(from_channels_last(y, target, x.channels))
    }
}

impl Backward<Flex, 1> for Largest {
    /// The input's images and channels, and the taps.
    type State = (Images, usize, Arc<Vec<u8>>);

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = ChannelsLast::of(grads.consume::<Flex>(&ops.node));
        let (images, channels, taps) = ops.state;
        if let [Some(x)] = ops.parents {
            let mut dx = Buffer::new(images.pixels() * channels);
            let Largest { window, path } = self;
            window.largest_gradient(path, images, channels, dy.values(), &taps, &mut dx).expect("sizes fit");
            grads.register::<Flex>(x.id, from_channels_last(dx, images, channels));
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Mean;

impl Mean {
    fn apply(self, x: &ChannelsLast) -> Result<FlexTensor, ShapeError> {
        let mut y = Buffer::new(x.images.count * x.channels);
        pool::mean(x.images, x.channels, x.values(), &mut y)?;
        Ok(from_values(y, [x.images.count, x.channels]))
    }
}

impl Backward<Flex, 1> for Mean {
    /// The input's images and channels.
    type State = (Images, usize);

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = contiguous(&grads.consume::<Flex>(&ops.node));
        let (images, channels) = ops.state;
        if let [Some(x)] = ops.parents {
            let mut dx = Buffer::new(images.pixels() * channels);
            pool::mean_gradient(images, channels, slice(&dy), &mut dx).expect("sizes fit");
            grads.register::<Flex>(x.id, from_channels_last(dx, images, channels));
        }
    }
}

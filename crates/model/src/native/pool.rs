//! The largest of a window, the mean of an image.

use std::sync::Arc;

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
use super::values::{ChannelsLast, Form, Primitive, contiguous, from_values, slice};

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
                OpsKind::Tracked(node) => node.finish((x.form(), Arc::new(taps)), y),
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
                OpsKind::Tracked(node) => node.finish(x.form(), y),
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
        let form = Form { images: self.window.target(x.images), ..x.form() };
        form.tensor(|y| self.window.largest(self.path, x.images, x.channels, x.factors(), y, taps))
    }
}

impl Backward<Flex, 1> for Largest {
    /// The input's form, and the taps.
    type State = (Form, Arc<Vec<u8>>);

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (form, taps) = ops.state;
        let dy = ChannelsLast::of(grads.consume::<Flex>(&ops.node)).to(self.path, form.format);
        if let [Some(x)] = ops.parents {
            let Largest { window, path } = self;
            let dx = form.tensor(|dx| {
                window.largest_gradient(path, form.images, form.channels, dy.factors(), &taps, dx)
            });
            grads.register::<Flex>(x.id, dx.expect("sizes fit"));
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Mean;

impl Mean {
    fn apply(self, x: &ChannelsLast) -> Result<FlexTensor, ShapeError> {
        let mut y = Buffer::new(x.images.count * x.channels);
        pool::mean(x.images, x.channels, x.factors(), &mut y)?;
        Ok(from_values(y, [x.images.count, x.channels]))
    }
}

impl Backward<Flex, 1> for Mean {
    /// The input's.
    type State = Form;

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = contiguous(&grads.consume::<Flex>(&ops.node));
        let form = ops.state;
        if let [Some(x)] = ops.parents {
            let dx = form.tensor(|dx| pool::mean_gradient(form.images, form.channels, slice(&dy), dx));
            grads.register::<Flex>(x.id, dx.expect("sizes fit"));
        }
    }
}

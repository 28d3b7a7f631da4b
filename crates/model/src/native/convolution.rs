//! A convolution, with what is added to it.

use brazier_kernels::convolution::{Output, Packed};
use brazier_kernels::{Buffer, Convolution, Path, ShapeError};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::values::{ChannelsLast, Primitive, Tracked, contiguous, from_channels_last, from_values, slice};
use super::{packs, switch};

/// `x` convolved with `[output, input, kernel, kernel]`, plus `residual`; nothing where our kernels do not compute.
pub(crate) fn convolve(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    residual: Option<&Tensor<4>>,
    [stride, padding]: [usize; 2],
) -> Option<Tensor<4>> {
    let path = switch::path()?;
    let [output, input, kernel, _] = weight.dims();
    let step = Step { convolution: Convolution { input, output, kernel, stride, padding }, path };
    let residual = match residual {
        Some(residual) => Some(Primitive::of(residual)?),
        None => None,
    };
    match (Primitive::of(x)?, Primitive::of(weight)?, residual) {
        (Primitive::Plain(x), Primitive::Plain(weight), None) => {
            step.forward(x, &weight, None).ok().map(Tensor::from_primitive::<Flex>)
        }
        (Primitive::Plain(x), Primitive::Plain(weight), Some(Primitive::Plain(residual))) => {
            step.forward(x, &weight, Some(residual)).ok().map(Tensor::from_primitive::<Flex>)
        }
        (Primitive::Tracked(x), Primitive::Tracked(weight), None) => {
            let parents = [x.node(), weight.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            step.track(kind, [x, weight], None)
        }
        (Primitive::Tracked(x), Primitive::Tracked(weight), Some(Primitive::Tracked(residual))) => {
            let parents = [x.node(), weight.node(), residual.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            step.track(kind, [x, weight], Some(residual.into_primitive()))
        }
        _ => None,
    }
}

/// A convolution and how it is computed; as a node, its parents are `x`, the weight and, if there is one, the residual.
#[derive(Clone, Copy, Debug)]
struct Step {
    convolution: Convolution,
    path: Path,
}

/// What the gradients need.
#[derive(Clone, Debug)]
struct Saved {
    x: ChannelsLast,
    weight: FlexTensor,
}

impl Step {
    /// Without gradients, and with weights that are likely to come again.
    fn forward(
        self,
        x: FlexTensor,
        weight: &FlexTensor,
        residual: Option<FlexTensor>,
    ) -> Result<FlexTensor, ShapeError> {
        let packed = packs::forward(self.path, self.convolution, weight)?;
        self.apply(&ChannelsLast::of(x), &packed, residual.map(ChannelsLast::of).as_ref())
    }

    fn apply(
        self,
        x: &ChannelsLast,
        packed: &Packed,
        residual: Option<&ChannelsLast>,
    ) -> Result<FlexTensor, ShapeError> {
        let convolution = self.convolution;
        let target = convolution.target(x.images);
        let mut y = Buffer::new(target.pixels() * convolution.output);
        let output = Output { residual: residual.map(ChannelsLast::values), ..Output::default() };
        convolution.forward(x.images, x.values(), packed, output, &mut y)?;
        Ok(from_channels_last(y, target, convolution.output))
    }

    /// Computes, and hangs the node into the graph.
    fn track<const N: usize>(
        self,
        kind: OpsKind<Self, Flex, Saved, NoCheckpointing, N>,
        [x, weight]: [Tracked; 2],
        residual: Option<FlexTensor>,
    ) -> Option<Tensor<4>>
    where
        Self: Backward<Flex, N, State = Saved>,
    {
        let (x, weight) = (ChannelsLast::of(x.into_primitive()), contiguous(&weight.into_primitive()));
        let packed = Packed::forward(self.path, self.convolution, slice(&weight)).ok()?;
        let y = self.apply(&x, &packed, residual.map(ChannelsLast::of).as_ref()).ok()?;
        let y = match kind {
            OpsKind::Tracked(node) => node.finish(Saved { x, weight }, y),
            OpsKind::UnTracked(node) => node.finish(y),
        };
        Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
    }

    fn data_gradient(self, saved: &Saved, dy: &ChannelsLast) -> Result<FlexTensor, ShapeError> {
        let packed = Packed::data_gradient(self.path, self.convolution, slice(&saved.weight))?;
        let mut dx = Buffer::new(saved.x.values().len());
        self.convolution.data_gradient(saved.x.images, dy.values(), &packed, &mut dx)?;
        Ok(from_channels_last(dx, saved.x.images, self.convolution.input))
    }

    fn weight_gradient(self, saved: &Saved, dy: &ChannelsLast) -> Result<FlexTensor, ShapeError> {
        let Convolution { input, output, kernel, .. } = self.convolution;
        let mut dw = Buffer::new(self.convolution.weights());
        self.convolution.weight_gradient(
            self.path,
            saved.x.images,
            saved.x.values(),
            dy.values(),
            &mut dw,
        )?;
        Ok(from_values(dw, [output, input, kernel, kernel]))
    }
}

impl<const N: usize> Backward<Flex, N> for Step {
    type State = Saved;

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Saved, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        if let Some(Some(residual)) = ops.parents.get(2) {
            grads.register::<Flex>(residual.id, gradient.clone());
        }
        let dy = ChannelsLast::of(gradient);
        if let Some(Some(weight)) = ops.parents.get(1) {
            let dw = self.weight_gradient(&ops.state, &dy).expect("sizes fit");
            grads.register::<Flex>(weight.id, dw);
        }
        if let Some(Some(x)) = ops.parents.first() {
            let dx = self.data_gradient(&ops.state, &dy).expect("sizes fit");
            grads.register::<Flex>(x.id, dx);
        }
    }
}

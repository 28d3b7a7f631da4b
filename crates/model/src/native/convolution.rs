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

use super::join::Join;
use super::values::{ChannelsLast, Primitive, Tracked, contiguous, from_channels_last, from_values, slice};
use super::{Branch, join, norm, packs, switch};

/// `x` convolved with `[output, input, kernel, kernel]`, plus `residual`; nothing where our kernels do not compute.
pub(crate) fn convolve(
    x: &Branch,
    weight: &Tensor<4>,
    residual: Option<&Branch>,
    [stride, padding]: [usize; 2],
) -> Option<Tensor<4>> {
    let path = switch::path()?;
    let [output, input, kernel, _] = weight.dims();
    let step = Step { convolution: Convolution { input, output, kernel, stride, padding }, path };
    let joins = [x.join.clone(), residual.and_then(|residual| residual.join.clone())];
    let residual = match residual {
        Some(residual) => Some(Primitive::of(&residual.tensor)?),
        None => None,
    };
    match (Primitive::of(&x.tensor)?, Primitive::of(weight)?, residual) {
        (Primitive::Plain(x), Primitive::Plain(weight), None) => {
            step.forward(x, &weight, None).ok().map(Tensor::from_primitive::<Flex>)
        }
        (Primitive::Plain(x), Primitive::Plain(weight), Some(Primitive::Plain(residual))) => {
            step.forward(x, &weight, Some(residual)).ok().map(Tensor::from_primitive::<Flex>)
        }
        (Primitive::Tracked(x), Primitive::Tracked(weight), None) => {
            let parents = [x.node(), weight.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            step.track(kind, [x, weight], None, joins)
        }
        (Primitive::Tracked(x), Primitive::Tracked(weight), Some(Primitive::Tracked(residual))) => {
            let parents = [x.node(), weight.node(), residual.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            step.track(kind, [x, weight], Some(residual.into_primitive()), joins)
        }
        _ => None,
    }
}

/// `relu(norm(x convolved))` with the moving statistics of `given` (gamma, beta, mean, variance), without gradients; nothing
/// where our kernels do not compute.
pub(crate) fn convolve_norm(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    [stride, padding]: [usize; 2],
    given: [&Tensor<1>; 4],
    epsilon: f64,
) -> Option<Tensor<4>> {
    let path = switch::path()?;
    let [output, input, kernel, _] = weight.dims();
    let step = Step { convolution: Convolution { input, output, kernel, stride, padding }, path };
    let (Primitive::Plain(x), Primitive::Plain(weight)) = (Primitive::of(x)?, Primitive::of(weight)?) else {
        return None;
    };
    let [scale, bias] = norm::line(given, epsilon)?;
    let output = Output { scale: Some(&scale), bias: Some(&bias), relu: true, ..Output::default() };
    let packed = packs::forward(path, step.convolution, &weight).ok()?;
    step.apply(&ChannelsLast::of(x), &packed, output).ok().map(Tensor::from_primitive::<Flex>)
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
    /// Of `x` and of the residual.
    joins: [Option<Join>; 2],
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
        let residual = residual.map(ChannelsLast::of);
        self.apply(&ChannelsLast::of(x), &packed, onto(residual.as_ref()))
    }

    fn apply(self, x: &ChannelsLast, packed: &Packed, output: Output<'_>) -> Result<FlexTensor, ShapeError> {
        let convolution = self.convolution;
        let target = convolution.target(x.images);
        let mut y = Buffer::new(target.pixels() * convolution.output);
        convolution.forward(x.images, x.values(), packed, output, &mut y)?;
        Ok(from_channels_last(y, target, convolution.output))
    }

    /// Computes, and hangs the node into the graph.
    fn track<const N: usize>(
        self,
        kind: OpsKind<Self, Flex, Saved, NoCheckpointing, N>,
        [x, weight]: [Tracked; 2],
        residual: Option<FlexTensor>,
        joins: [Option<Join>; 2],
    ) -> Option<Tensor<4>>
    where
        Self: Backward<Flex, N, State = Saved>,
    {
        let (x, weight) = (ChannelsLast::of(x.into_primitive()), contiguous(&weight.into_primitive()));
        let packed = Packed::forward(self.path, self.convolution, slice(&weight)).ok()?;
        let residual = residual.map(ChannelsLast::of);
        let y = self.apply(&x, &packed, onto(residual.as_ref())).ok()?;
        let y = match kind {
            OpsKind::Tracked(node) => node.finish(Saved { x, weight, joins }, y),
            OpsKind::UnTracked(node) => node.finish(y),
        };
        Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
    }

    fn data_gradient(
        self,
        saved: &Saved,
        dy: &ChannelsLast,
        also: Option<&ChannelsLast>,
    ) -> Result<FlexTensor, ShapeError> {
        let packed = Packed::data_gradient(self.path, self.convolution, slice(&saved.weight))?;
        let mut dx = Buffer::new(saved.x.values().len());
        let also = also.map(ChannelsLast::values);
        self.convolution.data_gradient(saved.x.images, dy.values(), &packed, also, &mut dx)?;
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
            let join = ops.state.joins[1].as_ref();
            if let Some(other) = join::other(join) {
                grads.register::<Flex>(residual.id, other.into_tensor());
                grads.register::<Flex>(residual.id, gradient.clone());
            } else {
                join::register(grads, residual.id, join, false, gradient.clone());
            }
        }
        let dy = ChannelsLast::of(gradient);
        if let Some(Some(weight)) = ops.parents.get(1) {
            let dw = self.weight_gradient(&ops.state, &dy).expect("sizes fit");
            grads.register::<Flex>(weight.id, dw);
        }
        if let Some(Some(x)) = ops.parents.first() {
            let join = ops.state.joins[0].as_ref();
            let other = join::other(join);
            let dx = self.data_gradient(&ops.state, &dy, other.as_ref()).expect("sizes fit");
            join::register(grads, x.id, join, other.is_some(), dx);
        }
    }
}

/// What is added to the products.
fn onto(residual: Option<&ChannelsLast>) -> Output<'_> {
    Output { residual: residual.map(ChannelsLast::values), ..Output::default() }
}

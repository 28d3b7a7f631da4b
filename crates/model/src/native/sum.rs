//! The sum of two branches behind the activation.

use brazier_kernels::{Format, Path, ShapeError, sum};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::join::{self, Join};
use super::values::{ChannelsLast, Primitive};
use super::{Branch, switch};

/// `max(y + shortcut, 0)` in the format of `y`; nothing where our kernels do not compute.
pub(crate) fn rectified_sum(y: &Tensor<4>, shortcut: &Branch) -> Option<Tensor<4>> {
    let step = Step { path: switch::path()? };
    match (Primitive::of(y)?, Primitive::of(&shortcut.tensor)?) {
        (Primitive::Plain(y), Primitive::Plain(shortcut)) => {
            let sides = [y, shortcut].map(ChannelsLast::of);
            step.apply(sides).ok().map(Tensor::from_primitive::<Flex>)
        }
        (Primitive::Tracked(y), Primitive::Tracked(other)) => {
            let parents = [y.node(), other.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            let sides = [y, other].map(|side| ChannelsLast::of(side.into_primitive()));
            let shortcut_format = sides[1].format();
            let sum = step.apply(sides).ok()?;
            let sum = match kind {
                OpsKind::Tracked(node) => {
                    let join = shortcut.join.clone();
                    node.finish(Saved { sum: ChannelsLast::of(sum.clone()), shortcut_format, join }, sum)
                }
                OpsKind::UnTracked(node) => node.finish(sum),
            };
            Some(Tensor::from_primitive::<Autodiff<Flex>>(sum))
        }
        _ => None,
    }
}

/// As a node, its parents are the two branches.
#[derive(Clone, Copy, Debug)]
struct Step {
    path: Path,
}

/// What the gradients need: the next layer keeps the sum anyway.
#[derive(Clone, Debug)]
struct Saved {
    sum: ChannelsLast,
    /// Of the shortcut, as of its gradient.
    shortcut_format: Format,
    /// Of the shortcut.
    join: Option<Join>,
}

impl Step {
    fn apply(self, [y, shortcut]: [ChannelsLast; 2]) -> Result<FlexTensor, ShapeError> {
        let shortcut = shortcut.to(self.path, y.format());
        y.form().tensor(|sum| sum::rectified(self.path, [y.factors(), shortcut.factors()], sum))
    }
}

impl Backward<Flex, 2> for Step {
    type State = Saved;

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Saved, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let Saved { sum, shortcut_format, join } = ops.state;
        let gradient = ChannelsLast::of(grads.consume::<Flex>(&ops.node)).to(self.path, sum.format());
        let sides = [sum.factors(), gradient.factors()];
        let dx = sum.form().tensor(|dx| sum::gradient(self.path, sides, dx)).expect("sizes fit");
        let [y, shortcut] = ops.parents;
        if let Some(y) = y {
            grads.register::<Flex>(y.id, dx.clone());
        }
        if let Some(shortcut) = shortcut {
            let dx = ChannelsLast::of(dx).to(self.path, shortcut_format).into_tensor();
            join::share(grads, shortcut.id, join.as_ref(), dx);
        }
    }
}

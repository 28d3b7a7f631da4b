//! Batch norm with the activation behind it.

use std::sync::Arc;

use brazier_kernels::convolution::Output;
use brazier_kernels::norm::{self, Mapping, Norm, Statistics};
use brazier_kernels::{Path, ShapeError};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

use super::join::Join;
use super::values::{ChannelsLast, Primitive, contiguous, from_vec, slice};
use super::{Branch, join, switch, together};

/// What batch norm gives in training.
pub(crate) struct Trained {
    pub(crate) output: Tensor<4>,
    pub(crate) recipe: Recipe,
    /// Of the batch, `[channels]`, on the inner device.
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// `x` normalised with its own statistics; nothing where our kernels do not compute.
pub(crate) fn train(x: &Branch, [gamma, beta]: [&Tensor<1>; 2], epsilon: f64, relu: bool) -> Option<Trained> {
    let (path, join) = (switch::path()?, x.join.clone());
    let (Primitive::Tracked(x), Primitive::Tracked(gamma), Primitive::Tracked(beta)) =
        (Primitive::of(&x.tensor)?, Primitive::of(gamma)?, Primitive::of(beta)?)
    else {
        return None;
    };
    let step = Step { path, epsilon, relu };
    let parents = [x.node(), gamma.node(), beta.node()];
    let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
    let x = ChannelsLast::of(x.into_primitive());
    let own = norm::statistics(path, x.factors(), x.channels).ok()?;
    let statistics = together::statistics(own, x.images.pixels());
    let [gamma, beta] = [gamma, beta].map(|values| contiguous(&values.into_primitive()));
    let (mean, variance) = (statistics.mean.clone(), statistics.variance.clone());
    let given = Arc::new(Given { x, gamma, beta, statistics });
    let y = step.apply(&given).ok()?;
    let recipe = Recipe { step, given: Arc::clone(&given) };
    let y = match kind {
        OpsKind::Tracked(node) => node.finish(Saved { given, join }, y),
        OpsKind::UnTracked(node) => node.finish(y),
    };
    Some(Trained { output: Tensor::from_primitive::<Autodiff<Flex>>(y), recipe, mean, variance })
}

/// Batch norm whose statistics move no more, as the kernels take it; of each channel.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    mean: Vec<f32>,
    scale: Vec<f32>,
    beta: Vec<f32>,
    /// What is added where scale is multiplied with what no mean was subtracted from.
    bias: Vec<f32>,
}

impl Settled {
    /// From gamma, beta, mean and variance; nothing where our kernels do not compute.
    pub(crate) fn of([gamma, beta, mean, variance]: [&Tensor<1>; 4], epsilon: f64) -> Option<Self> {
        switch::path()?;
        let (gamma, beta) = (plain(gamma)?, plain(beta)?);
        let (gamma, beta) = (Some(slice(&gamma)), slice(&beta));
        let statistics = moving([mean, variance])?;
        let [scale, bias] =
            Norm { statistics: &statistics, gamma, beta, epsilon, relu: false }.line().ok()?;
        Some(Settled {
            scale: scale.to_vec(),
            beta: beta.to_vec(),
            bias: bias.to_vec(),
            mean: statistics.mean,
        })
    }

    pub(super) fn mapping(&self, relu: bool) -> Mapping<'_> {
        Mapping { mean: &self.mean, scale: &self.scale, beta: &self.beta, relu }
    }

    /// The same behind a convolution.
    pub(super) fn line(&self) -> Output<'_> {
        Output { scale: Some(&self.scale), bias: Some(&self.bias), ..Output::default() }
    }
}

/// `x` normalised, without gradients; nothing of tensors that our kernels do not take, of which the norm is not asked for.
pub(crate) fn normalise(
    x: &Tensor<4>,
    settled: impl FnOnce() -> Option<Arc<Settled>>,
    relu: bool,
) -> Option<Tensor<4>> {
    let (path, x, settled) = (switch::path()?, ChannelsLast::plain(x)?, settled()?);
    let y = x.form().tensor(|y| norm::map(path, x.factors(), settled.mapping(relu), y));
    y.ok().map(Tensor::from_primitive::<Flex>)
}

fn moving([mean, variance]: [&Tensor<1>; 2]) -> Option<Statistics> {
    let (mean, variance) = (plain(mean)?, plain(variance)?);
    Some(Statistics { mean: slice(&mean).to_vec(), variance: slice(&variance).to_vec() })
}

/// The values of a tensor that burn does not differentiate.
fn plain(tensor: &Tensor<1>) -> Option<FlexTensor> {
    match Primitive::of(tensor)? {
        Primitive::Plain(tensor) => Some(contiguous(&tensor)),
        Primitive::Tracked(_) => None,
    }
}

/// How it is computed; as a node, its parents are `x`, gamma and beta.
#[derive(Clone, Copy, Debug)]
struct Step {
    path: Path,
    epsilon: f64,
    relu: bool,
}

/// What is normalised, and by what.
#[derive(Debug)]
struct Given {
    x: ChannelsLast,
    gamma: FlexTensor,
    beta: FlexTensor,
    statistics: Statistics,
}

/// What the gradients need.
#[derive(Clone, Debug)]
struct Saved {
    given: Arc<Given>,
    join: Option<Join>,
}

/// How an output is computed again, from what its own gradient needs anyway: whoever keeps this instead of the output keeps
/// nothing.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    step: Step,
    given: Arc<Given>,
}

impl Recipe {
    /// The output, the same bits.
    pub(super) fn compute(&self) -> Result<ChannelsLast, ShapeError> {
        self.step.apply(&self.given).map(ChannelsLast::of)
    }
}

impl Step {
    fn norm(self, given: &Given) -> Norm<'_> {
        let Step { epsilon, relu, .. } = self;
        let (gamma, beta) = (Some(slice(&given.gamma)), slice(&given.beta));
        Norm { statistics: &given.statistics, gamma, beta, epsilon, relu }
    }

    fn apply(self, given: &Given) -> Result<FlexTensor, ShapeError> {
        let x = &given.x;
        x.form().tensor(|y| norm::normalise(self.path, x.factors(), self.norm(given), y))
    }
}

impl Backward<Flex, 3> for Step {
    type State = Saved;

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Saved, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let x = &ops.state.given.x;
        let dy = ChannelsLast::of(grads.consume::<Flex>(&ops.node)).to(self.path, x.format());
        let sides = [x.factors(), dy.factors()];
        let [parent, gamma, beta] = ops.parents;
        let norm = self.norm(&ops.state.given);
        let sums = norm::sums(self.path, sides, norm).expect("sizes fit");
        let gradients = sums.gradients(norm);
        // All ranks take part, whoever needs the gradient.
        let sums = together::sums(&sums).unwrap_or(sums);
        if let Some(parent) = parent {
            let join = ops.state.join.as_ref();
            let other = join::other(join);
            let also = other.as_ref().map(ChannelsLast::factors);
            let dx = x.form().tensor(|dx| norm::data_gradient(self.path, sides, norm, &sums, also, dx));
            join::register(grads, parent.id, join, other.is_some(), dx.expect("sizes fit"));
        }
        if let Some(gamma) = gamma {
            grads.register::<Flex>(gamma.id, from_vec(gradients.gamma));
        }
        if let Some(beta) = beta {
            grads.register::<Flex>(beta.id, from_vec(gradients.beta));
        }
    }
}

//! A convolution, with what is added to it.

use std::sync::{Arc, Mutex, PoisonError};

use brazier_kernels::convolution::{Images, Output, Packed};
use brazier_kernels::norm::Mapping;
use brazier_kernels::{Buffer, Convolution, Format, Path, Results, ShapeError};
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor};

use super::factor::Factor;
use super::join::Join;
use super::norm::{Recipe, Settled};
use super::values::{ChannelsLast, Form, Primitive, Tracked, contiguous, from_values, slice};
use super::{Branch, join, switch};

/// `x` convolved with `[output, input, kernel, kernel]`, plus `residual`; nothing where our kernels do not compute.
pub(crate) fn convolve(
    x: &Branch,
    weight: &Tensor<4>,
    residual: Option<&Branch>,
    place: [usize; 2],
) -> Option<Tensor<4>> {
    if !x.tensor.device().is_autodiff() {
        let constant = Constant::of(weight, place, Some(&x.tensor))?;
        return constant.convolve(&x.tensor, residual.map(|residual| &residual.tensor));
    }
    let step = Step::of(weight, place, Some(&x.tensor))?;
    let joins = [x.join.clone(), residual.and_then(|residual| residual.join.clone())];
    let recipe = x.recipe.clone();
    let residual = match residual {
        Some(residual) => Some(Primitive::of(&residual.tensor)?),
        None => None,
    };
    match (Primitive::of(&x.tensor)?, Primitive::of(weight)?, residual) {
        (Primitive::Tracked(x), Primitive::Tracked(weight), None) => {
            let parents = [x.node(), weight.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            step.track(kind, [x, weight], recipe, None, joins)
        }
        (Primitive::Tracked(x), Primitive::Tracked(weight), Some(Primitive::Tracked(residual))) => {
            let parents = [x.node(), weight.node(), residual.node()];
            let kind = step.prepare::<NoCheckpointing>(parents).compute_bound().stateful();
            let residual = ChannelsLast::of(residual.into_primitive());
            step.track(kind, [x, weight], recipe, Some(&residual), joins)
        }
        _ => None,
    }
}

/// A convolution whose weights change no more, packed once. It computes without gradients.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    step: Step,
    weight: Arc<Mutex<Weight>>,
}

/// The weights of a [`Constant`]: the first image tells how they are packed.
#[derive(Debug)]
enum Weight {
    Plain(FlexTensor),
    Packed(Arc<Packed>),
}

impl Constant {
    /// Of `[output, input, kernel, kernel]` at a stride and a padding, in the format of the image `x`, if it is known; nothing
    /// where our kernels do not compute.
    pub(crate) fn of(weight: &Tensor<4>, place: [usize; 2], x: Option<&Tensor<4>>) -> Option<Self> {
        let step = Step::of(weight, place, x)?;
        let Primitive::Plain(weight) = Primitive::of(weight)? else { return None };
        Some(Constant { step, weight: Arc::new(Mutex::new(Weight::Plain(contiguous(&weight)))) })
    }

    /// `x` convolved, plus `residual`; nothing of tensors that our kernels do not take.
    pub(crate) fn convolve(&self, x: &Tensor<4>, residual: Option<&Tensor<4>>) -> Option<Tensor<4>> {
        let residual = plain(residual)?;
        self.compute(x, |x, packed| self.step.apply(x, packed, onto(residual.as_ref()))).map(tensor)
    }

    /// `x` convolved and normalised, plus `residual`, and activated where `relu` says so; nothing of tensors that our kernels
    /// do not take.
    pub(crate) fn convolve_norm(
        &self,
        x: &Tensor<4>,
        norm: &Settled,
        residual: Option<&Tensor<4>>,
        relu: bool,
    ) -> Option<Tensor<4>> {
        let residual = plain(residual)?;
        let output = Output { relu, residual: residual.as_ref().map(ChannelsLast::factors), ..norm.line() };
        self.compute(x, |x, packed| self.step.apply(x, packed, output)).map(tensor)
    }

    /// [`Constant::convolve`] and, made with it, `relu(norm(of that))`.
    pub(crate) fn convolve_then(
        &self,
        x: &Tensor<4>,
        residual: Option<&Tensor<4>>,
        norm: &Settled,
    ) -> Option<[Tensor<4>; 2]> {
        let (residual, then) = (plain(residual)?, norm.mapping(true));
        let both =
            |x: &Factor, packed: &Packed| self.step.apply_then(x, packed, onto(residual.as_ref()), then);
        self.compute(x, both).map(|both| both.map(tensor))
    }

    fn compute<T>(
        &self,
        x: &Tensor<4>,
        compute: impl FnOnce(&Factor, &Packed) -> Result<T, ShapeError>,
    ) -> Option<T> {
        let x = self.step.image(ChannelsLast::plain(x)?);
        let packed = self.packed(x.images)?;
        compute(&x, &packed).ok()
    }

    /// The weights as one image of the first one's size alone takes them best: an answer depends on nothing that is asked beside
    /// it.
    fn packed(&self, images: Images) -> Option<Arc<Packed>> {
        let weight = || self.weight.lock().unwrap_or_else(PoisonError::into_inner);
        let plain = match &*weight() {
            Weight::Packed(packed) => return Some(Arc::clone(packed)),
            Weight::Plain(plain) => plain.clone(),
        };
        // Not under the lock: who waits for other threads may be given another image by them meanwhile.
        let packed = Arc::new(self.step.pack(&plain, Images { count: 1, ..images }).ok()?);
        *weight() = Weight::Packed(Arc::clone(&packed));
        Some(packed)
    }
}

/// What may be added, without gradients; nothing of a tensor that our kernels do not take.
#[expect(clippy::option_option, reason = "there may be none, and it may be none of ours")]
fn plain(residual: Option<&Tensor<4>>) -> Option<Option<ChannelsLast>> {
    match residual {
        Some(residual) => ChannelsLast::plain(residual).map(Some),
        None => Some(None),
    }
}

fn tensor(result: FlexTensor) -> Tensor<4> {
    Tensor::from_primitive::<Flex>(result)
}

/// A convolution and how it is computed; as a node, its parents are `x`, the weight and, if there is one, the residual.
#[derive(Clone, Copy, Debug)]
struct Step {
    convolution: Convolution,
    path: Path,
    /// What is multiplied, in the gradients too.
    format: Format,
}

/// What the gradients need.
#[derive(Clone, Debug)]
struct Saved {
    x: Kept,
    source: Images,
    weight: FlexTensor,
    /// Of `x` and of the residual, as of their gradients.
    x_format: Format,
    residual_format: Format,
    /// Of `x` and of the residual.
    joins: [Option<Join>; 2],
}

/// The image until the gradient of the weights needs it.
#[derive(Clone, Debug)]
enum Kept {
    Factor(Factor),
    /// To be computed again.
    Recipe(Recipe),
}

impl Step {
    /// Of `[output, input, kernel, kernel]` at a stride and a padding; nothing where burn's kernels compute.
    fn of(weight: &Tensor<4>, [stride, padding]: [usize; 2], x: Option<&Tensor<4>>) -> Option<Self> {
        let [output, input, kernel, _] = weight.dims();
        let convolution = Convolution { input, output, kernel, stride, padding };
        let is_half = x.is_some_and(|x| x.dtype() == DType::BF16);
        let format = if is_half { Format::Bfloat16 } else { switch::format() };
        (weight.dtype() == DType::F32).then_some(Step { convolution, path: switch::path()?, format })
    }

    /// For images of that many.
    fn pack(self, weight: &FlexTensor, images: Images) -> Result<Packed, ShapeError> {
        let Step { convolution, path, format } = self;
        Packed::forward(path, format, (convolution, convolution.algorithm(images)), slice(weight))
    }

    fn image(self, x: ChannelsLast) -> Factor {
        Factor::image(x, &self.convolution, self.path, self.format)
    }

    fn apply(self, x: &Factor, packed: &Packed, output: Output<'_>) -> Result<FlexTensor, ShapeError> {
        let result = |y: Results<'_>| self.convolution.forward(x.images, x.factors(), packed, output, y);
        self.result(x.images).tensor(result)
    }

    /// The same, and what the norm behind it makes of that.
    fn apply_then(
        self,
        x: &Factor,
        packed: &Packed,
        output: Output<'_>,
        then: Mapping<'_>,
    ) -> Result<[FlexTensor; 2], ShapeError> {
        let form = self.result(x.images);
        let (mut first, mut second) = (form.room(), form.room());
        let (y, z) = (form.results(&mut first), form.results(&mut second));
        self.convolution.forward_then(x.images, x.factors(), packed, (output, y), (then, z))?;
        Ok([form.of(first), form.of(second)])
    }

    /// What comes of images.
    fn result(self, source: Images) -> Form {
        let Step { convolution, format, .. } = self;
        let channels = convolution.output;
        // A tensor of bfloat16 has whole pairs.
        let format = if channels.is_multiple_of(2) { format } else { Format::Float32 };
        Form { images: convolution.target(source), channels, format }
    }

    /// Computes, and hangs the node into the graph.
    fn track<const N: usize>(
        self,
        kind: OpsKind<Self, Flex, Saved, NoCheckpointing, N>,
        [x, weight]: [Tracked; 2],
        recipe: Option<Recipe>,
        residual: Option<&ChannelsLast>,
        joins: [Option<Join>; 2],
    ) -> Option<Tensor<4>>
    where
        Self: Backward<Flex, N, State = Saved>,
    {
        let (x, weight) = (ChannelsLast::of(x.into_primitive()), contiguous(&weight.into_primitive()));
        let x_format = x.format();
        let residual_format = residual.map(ChannelsLast::format).unwrap_or_default();
        let (packed, x) = (self.pack(&weight, x.images).ok()?, self.image(x));
        let y = self.apply(&x, &packed, onto(residual)).ok()?;
        let y = match kind {
            OpsKind::Tracked(node) => {
                let source = x.images;
                let x = self.keep(x, recipe);
                node.finish(Saved { x, source, weight, x_format, residual_format, joins }, y)
            }
            OpsKind::UnTracked(node) => node.finish(y),
        };
        Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
    }

    /// In float32 the recipe, if there is one: an activation is as large as what it is computed from. Rounded it is half as
    /// large, and stays.
    fn keep(self, x: Factor, recipe: Option<Recipe>) -> Kept {
        match recipe.filter(|_| self.format == Format::Float32) {
            Some(recipe) => Kept::Recipe(recipe),
            None => Kept::Factor(x),
        }
    }

    fn data_gradient(
        self,
        saved: &Saved,
        dy: &Factor,
        also: Option<&ChannelsLast>,
    ) -> Result<FlexTensor, ShapeError> {
        let Step { convolution, path, format } = self;
        let algorithm = convolution.algorithm(saved.source);
        let packed = Packed::data_gradient(path, format, (convolution, algorithm), slice(&saved.weight))?;
        let (source, channels) = (saved.source, convolution.input);
        let own = if convolution.is_stem() { Format::Float32 } else { saved.x_format };
        let also = also.map(|also| also.clone().to(path, own));
        let also = also.as_ref().map(ChannelsLast::factors);
        let form = Form { images: source, channels, format: own };
        let dx = form.tensor(|dx| convolution.data_gradient(source, dy.factors(), &packed, also, dx))?;
        Ok(ChannelsLast::of(dx).to(path, saved.x_format).into_tensor())
    }

    fn weight_gradient(self, saved: &Saved, dy: &Factor) -> Result<FlexTensor, ShapeError> {
        let Convolution { input, output, kernel, .. } = self.convolution;
        let x = match &saved.x {
            Kept::Factor(x) => x.clone(),
            Kept::Recipe(recipe) => self.image(recipe.compute()?),
        };
        let mut dw = Buffer::new(self.convolution.weights());
        self.convolution.weight_gradient(self.path, saved.source, x.factors(), dy.factors(), &mut dw)?;
        Ok(from_values(dw, [output, input, kernel, kernel]))
    }
}

impl<const N: usize> Backward<Flex, N> for Step {
    type State = Saved;

    #[expect(clippy::expect_used, reason = "the forward pass took the same sizes")]
    fn backward(self, ops: Ops<Saved, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = ChannelsLast::of(grads.consume::<Flex>(&ops.node));
        if let Some(Some(residual)) = ops.parents.get(2) {
            let join = ops.state.joins[1].as_ref();
            let own = gradient.clone().to(self.path, ops.state.residual_format).into_tensor();
            join::share(grads, residual.id, join, own);
        }
        let dy = Factor::of(gradient, self.path, self.format);
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
    Output { residual: residual.map(ChannelsLast::factors), ..Output::default() }
}

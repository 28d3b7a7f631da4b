//! Convolution, batch norm, linear and pooling: all calls into kernels are here, ours on the processor (`native`) and burn's
//! elsewhere.
//!
//! Precision and faster kernels change in this file and nowhere else. Convolutions compute in the number format of what comes in, or
//! on the processor of what [`native::multiplying`] says; statistics are float32 as in MXNet, and so is the last layer, which costs nothing. Fields carry MXNet's parameter names, in
//! MXNet's order, because [`crate::parameters`] derives names from them.

use std::sync::Arc;

use brazier_kernels::pool::Window;
use burn::module::{Module, Param, RunningState};
use burn::tensor::module::{batch_norm, batch_norm_train, conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Device, Tensor, activation};

use crate::native::{self, Constant, Settled};
pub use crate::native::{Branch, fork};
use crate::together;

/// Share of the old moving statistic that stays at each step. Sources: `bn_mom=0.9` in MXNet's `symbols/resnet.py`, and
/// `momentum=0.1`, torch's word for the new one's share, in its `BatchNorm2d`.
pub const MOVING_SHARE: f64 = 0.9;

/// A convolution without bias.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[out, in, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    stride: usize,
    padding: usize,
    /// The weights instead of `weight`, once they are packed.
    #[module(skip)]
    constant: Option<Constant>,
}

impl Conv {
    /// Zero weights of `[out, in, kernel, kernel]`, padding that keeps the extent at stride 1.
    pub fn new([out, input, kernel]: [usize; 3], stride: usize, device: &Device) -> Self {
        let weight = learned(Tensor::zeros([out, input, kernel, kernel], device));
        Conv { weight, stride, padding: kernel / 2, constant: None }
    }

    /// The same with weights in the order in which the processor's kernels read them, and in no other once an image was seen: it
    /// neither learns nor gives its weights. As it was on a GPU or where it learns.
    pub fn packed(self) -> Self {
        let weight = self.weight.val();
        match Constant::of(&weight, self.place(), None) {
            Some(constant) => {
                let nothing = learned(Tensor::zeros([0; 4], &weight.device()));
                Conv { weight: nothing, constant: Some(constant), ..self }
            }
            None => self,
        }
    }

    /// `[n, in, h, w]` to `[n, out, ceil(h / stride), ceil(w / stride)]`.
    pub fn forward(&self, x: impl Into<Branch>) -> Tensor<4> {
        self.convolve(x.into(), None)
    }

    /// The same behind `norm` and [`relu`]: in use, where moving statistics count, as one.
    pub fn forward_norm_relu(&self, x: impl Into<Branch>, norm: &BatchNorm) -> Branch {
        let x = x.into();
        match self.in_use(&x, norm, None, true) {
            Some(y) => y.into(),
            None => norm.forward_relu(self.forward(x)),
        }
    }

    /// The same behind `norm`.
    pub fn forward_norm(&self, x: impl Into<Branch>, norm: &BatchNorm) -> Tensor<4> {
        let x = x.into();
        self.in_use(&x, norm, None, false).unwrap_or_else(|| norm.forward(self.forward(x)))
    }

    /// The same behind `norm`, plus `residual`, behind [`relu`].
    pub fn forward_norm_onto_relu(
        &self,
        x: impl Into<Branch>,
        norm: &BatchNorm,
        residual: impl Into<Branch>,
    ) -> Tensor<4> {
        let (x, residual) = (x.into(), residual.into());
        self.in_use(&x, norm, Some(&residual.tensor), true)
            .unwrap_or_else(|| add_relu(norm.forward(self.forward(x)), residual))
    }

    /// The same plus `residual`, of the result's shape, and, in use, what `next` and [`relu`] make of it.
    pub fn forward_onto_then(
        &self,
        x: impl Into<Branch>,
        residual: impl Into<Branch>,
        next: Option<&BatchNorm>,
    ) -> (Tensor<4>, Option<Tensor<4>>) {
        let (x, residual) = (x.into(), residual.into());
        let both = next.filter(|_| !x.tensor.device().is_autodiff()).and_then(|next| {
            self.constant_for(&x)?.convolve_then(&x.tensor, Some(&residual.tensor), &*next.settled()?)
        });
        match both {
            Some([y, active]) => (y, Some(active)),
            None => (self.convolve(x, Some(residual)), None),
        }
    }

    /// Convolved, normalised with moving statistics, plus `residual`, activated where `relu` says so; nothing where it trains or
    /// our kernels do not compute.
    fn in_use(
        &self,
        x: &Branch,
        norm: &BatchNorm,
        residual: Option<&Tensor<4>>,
        relu: bool,
    ) -> Option<Tensor<4>> {
        if x.tensor.device().is_autodiff() {
            return None;
        }
        self.constant_for(x)?.convolve_norm(&x.tensor, &*norm.settled()?, residual, relu)
    }

    /// The weights packed for `x`: once, or for this image.
    fn constant_for(&self, x: &Branch) -> Option<Constant> {
        let pack = || Constant::of(&self.weight.val(), self.place(), Some(&x.tensor));
        self.constant.clone().or_else(pack)
    }

    /// Stride and padding.
    fn place(&self) -> [usize; 2] {
        [self.stride, self.padding]
    }

    fn convolve(&self, x: Branch, residual: Option<Branch>) -> Tensor<4> {
        if let Some(constant) = &self.constant {
            let residual = residual.as_ref().map(|residual| &residual.tensor);
            if let Some(y) = constant.convolve(&x.tensor, residual) {
                return y;
            }
        }
        if let Some(y) = native::convolve(&x, &self.weight.val(), residual.as_ref(), self.place()) {
            return y;
        }
        let weight = cast(self.weight.val(), x.tensor.dtype());
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1);
        let y = conv2d(x.tensor, weight, None, options);
        match residual {
            Some(residual) => y + residual.tensor,
            None => y,
        }
    }
}

/// Batch norm over the channel axis, with MXNet's moving statistics (the variance is the biased one).
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Offset, `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// `[channels]`
    pub moving_mean: RunningState<Tensor<1>>,
    /// `[channels]`
    pub moving_var: RunningState<Tensor<1>>,
    /// Added to the variance.
    epsilon: f64,
    fix_gamma: bool,
    use_global_stats: bool,
    /// What moves no more, once it is said so.
    #[module(skip)]
    settled: Option<Arc<Settled>>,
}

impl BatchNorm {
    /// The identity at start: gamma 1, beta 0, mean 0, variance 1.
    pub fn new(channels: usize, epsilon: f64, device: &Device) -> Self {
        BatchNorm {
            gamma: learned(Tensor::ones([channels], device)),
            beta: learned(Tensor::zeros([channels], device)),
            moving_mean: RunningState::new(Tensor::zeros([channels], device)),
            moving_var: RunningState::new(Tensor::ones([channels], device)),
            epsilon,
            fix_gamma: false,
            use_global_stats: false,
            settled: None,
        }
    }

    /// Scale taken as 1 whatever `gamma` holds: MXNet's `fix_gamma=True`, used on the raw image.
    pub fn with_fixed_gamma(self) -> Self {
        BatchNorm { fix_gamma: true, ..self }
    }

    /// Numbers that no training moves, MXNet's `use_global_stats=True`, and neither scale nor offset.
    pub fn constant((mean, variance): (&[f32], &[f32]), epsilon: f64, device: &Device) -> Self {
        let norm = BatchNorm::new(mean.len(), epsilon, device).with_fixed_gamma();
        BatchNorm {
            gamma: norm.gamma.set_require_grad(false),
            beta: norm.beta.set_require_grad(false),
            moving_mean: RunningState::new(Tensor::from_floats(mean, device)),
            moving_var: RunningState::new(Tensor::from_floats(variance, device)),
            use_global_stats: true,
            ..norm
        }
    }

    /// The same with all that can be computed beforehand: it does not learn any more. As it was on a GPU or where it learns.
    pub fn packed(self) -> Self {
        BatchNorm { settled: self.settled(), ..self }
    }

    /// As our kernels take it, of moving statistics.
    fn settled(&self) -> Option<Arc<Settled>> {
        let settle = || {
            let (gamma, beta) = (self.scale(), self.beta.val());
            let (mean, variance) = (self.moving_mean.value(), self.moving_var.value());
            Settled::of([&gamma, &beta, &mean, &variance], self.epsilon).map(Arc::new)
        };
        self.settled.clone().or_else(settle)
    }

    /// Batch statistics while training (an autodiff device), moving ones otherwise.
    pub fn forward(&self, x: impl Into<Branch>) -> Tensor<4> {
        self.normalise(x.into(), false).tensor
    }

    /// The same behind [`relu`].
    pub fn forward_relu(&self, x: impl Into<Branch>) -> Branch {
        self.normalise(x.into(), true)
    }

    /// Gamma, or 1 where it is fixed.
    fn scale(&self) -> Tensor<1> {
        match self.fix_gamma {
            true => Tensor::ones(self.gamma.lazy_shape(), &self.gamma.val().device()),
            false => self.gamma.val(),
        }
    }

    fn normalise(&self, branch: Branch, rectify: bool) -> Branch {
        let (device, format) = (branch.tensor.device(), branch.tensor.dtype());
        let gamma = self.scale();
        let beta = self.beta.val();
        if !self.use_global_stats
            && device.is_autodiff()
            && let Some(trained) = native::train(&branch, [&gamma, &beta], self.epsilon, rectify)
        {
            advance(&self.moving_mean, Tensor::from_floats(trained.mean.as_slice(), &device));
            advance(&self.moving_var, Tensor::from_floats(trained.variance.as_slice(), &device));
            return Branch { recipe: Some(trained.recipe), ..trained.output.into() };
        }
        if self.use_global_stats || !device.is_autodiff() {
            if let Some(y) = native::normalise(&branch.tensor, || self.settled(), rectify) {
                return y.into();
            }
            let (mean, variance) = (self.moving_mean.value(), self.moving_var.value());
            let x = cast(branch.tensor, DType::F32);
            let y = cast(batch_norm(x, gamma, beta, mean, variance, self.epsilon), format);
            return if rectify { relu(y) } else { y }.into();
        }
        let x = cast(branch.tensor, DType::F32);
        let result = together::train(&x, [&gamma, &beta], self.epsilon)
            .unwrap_or_else(|| batch_norm_train(x, gamma, beta, self.epsilon));
        advance(&self.moving_mean, result.mean);
        advance(&self.moving_var, result.variance);
        let y = cast(result.output, format);
        if rectify { relu(y) } else { y }.into()
    }
}

/// Moves a statistic towards its batch value. `RunningState` holds an update back until the next one; asking for the
/// synchronised value at once keeps what an export reads up to date.
fn advance(state: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let moved = state.value() * MOVING_SHARE + batch.detach() * (1.0 - MOVING_SHARE);
    state.update(moved.detach());
    state.value_sync();
}

/// `y = x * weight^T + bias`, stored as MXNet's FullyConnected stores it.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Zero weights and bias.
    pub fn new(input: usize, out: usize, device: &Device) -> Self {
        Linear {
            weight: learned(Tensor::zeros([out, input], device)),
            bias: learned(Tensor::zeros([out], device)),
        }
    }

    /// `[n, in]` to `[n, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// `max(x, 0)`
pub fn relu(x: Tensor<4>) -> Tensor<4> {
    activation::relu(x)
}

/// [`relu`] of the sum of two branches.
pub fn add_relu(y: Tensor<4>, shortcut: impl Into<Branch>) -> Tensor<4> {
    let shortcut = shortcut.into();
    native::rectified_sum(&y, &shortcut).unwrap_or_else(|| relu(y + shortcut.tensor))
}

/// 3x3, stride 2, padding 1, rounding the extent down: MXNet's "valid" convention.
pub fn stem_pool(x: Tensor<4>) -> Tensor<4> {
    if let Some(y) = native::largest(&x, Window { extent: 3, stride: 2, padding: 1 }) {
        return y;
    }
    max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]))
}

/// `[n, c, h, w]` to `[n, c]`, the mean over the image, in float32.
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    if let Some(y) = native::mean(&x) {
        return y;
    }
    let [n, c, h, w] = x.dims();
    cast(x, DType::F32).reshape([n, c, h * w]).mean_dim(2).reshape([n, c])
}

/// The same numbers in another format.
fn cast<const D: usize>(x: Tensor<D>, format: DType) -> Tensor<D> {
    if x.dtype() == format { x } else { x.cast(format) }
}

fn learned<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::from_tensor(value)
}

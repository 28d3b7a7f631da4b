//! burn's batch norm, wherever burn computes, with the mean and variance of all ranks' images.
//!
//! A node of its own in burn's graph: what the ranks sum on the way back is no function of one rank's tensors.

use brazier_kernels::norm::{Statistics, Sums};
#[cfg(feature = "cuda")]
use burn::backend::Cuda;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor, Flex};
use burn::tensor::Tensor;
use burn::tensor::module::{BatchNormTrainOutput, batch_norm};

/// `x`, float32, normalised as by burn's `batch_norm_train`, but with the statistics of all ranks' images, which are in the
/// answer too; nothing where this thread has no peers.
#[expect(clippy::expect_used, reason = "`device` gives no others than these")]
pub(crate) fn train(
    x: &Tensor<4>,
    parameters: [&Tensor<1>; 2],
    epsilon: f64,
) -> Option<BatchNormTrainOutput<4>> {
    if !super::PEERS.is_set() {
        return None;
    }
    let trained = train_on::<Flex>(x, parameters, epsilon);
    #[cfg(feature = "cuda")]
    let trained = trained.or_else(|| train_on::<Cuda>(x, parameters, epsilon));
    #[cfg(feature = "ndarray")]
    #[expect(deprecated, reason = "burn 0.22 has it for the last time, and it is there to compare flex with")]
    let trained = trained.or_else(|| train_on::<burn::backend::NdArray>(x, parameters, epsilon));
    Some(trained.expect("a tensor that burn differentiates, on a device of ours"))
}

/// The same; nothing where another backend than `B` computes.
fn train_on<B: Backend>(
    x: &Tensor<4>,
    [gamma, beta]: [&Tensor<1>; 2],
    epsilon: f64,
) -> Option<BatchNormTrainOutput<4>>
where
    DispatchTensor: DispatchKindConversion<B> + DispatchKindConversion<Autodiff<B>>,
{
    let parents = [
        x.clone().try_into_primitive::<Autodiff<B>>().ok()?.node(),
        gamma.clone().try_into_primitive::<Autodiff<B>>().ok()?.node(),
        beta.clone().try_into_primitive::<Autodiff<B>>().ok()?.node(),
    ];
    let kind = Backward::<B, 3>::prepare::<NoCheckpointing>(Node, parents).compute_bound().stateful();
    let (device, x) = (x.device(), x.clone().inner());
    let [gamma, beta] = [gamma, beta].map(|parameter| parameter.clone().inner());
    let all = super::statistics(statistics(x.clone()), pixels(&x));
    let statistics = [all.mean, all.variance].map(|values| Tensor::from_floats(values.as_slice(), &device));
    let [mean, variance] = statistics.each_ref().map(|statistic| statistic.clone().inner());
    let y = batch_norm(x.clone(), gamma.clone(), beta, mean.clone(), variance.clone(), epsilon);
    let y = primitive::<B, 4>(y);
    let output = match kind {
        OpsKind::Tracked(node) => {
            let inverse = (variance + epsilon).sqrt().recip();
            node.finish(Saved { x, gamma, mean, inverse }, y)
        }
        OpsKind::UnTracked(node) => node.finish(y),
    };
    let [mean, variance] = statistics;
    Some(BatchNormTrainOutput { output: Tensor::from_primitive::<Autodiff<B>>(output), mean, variance })
}

/// Batch norm in burn's graph; its parents are `x`, gamma and beta.
#[derive(Debug)]
struct Node;

/// What the gradients need, none of it differentiated.
#[derive(Clone, Debug)]
struct Saved {
    /// `[n, channels, h, w]`
    x: Tensor<4>,
    /// `[channels]`, as those that follow.
    gamma: Tensor<1>,
    /// Of all ranks' images.
    mean: Tensor<1>,
    /// `1 / sqrt(variance + epsilon)` with the variance of all ranks' images.
    inverse: Tensor<1>,
}

impl<B: Backend> Backward<B, 3> for Node
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let dy = Tensor::<4>::from_primitive::<B>(grads.consume::<B>(&ops.node));
        let Saved { x, gamma, mean, inverse } = ops.state;
        let [parent, of_gamma, of_beta] = ops.parents;
        let pixels = pixels(&x) as f64;
        let deviation = x - spread(mean);
        let plain = by_channel(dy.clone()).sum_dim(1).squeeze_dim(1);
        let by_deviation = by_channel(dy.clone() * deviation.clone()).sum_dim(1).squeeze_dim(1);
        let own = read([&plain, &by_deviation]).map(|sums| sums.into_iter().map(f64::from).collect());
        let [own_plain, own_by_deviation] = own;
        let own = Sums { pixels, plain: own_plain, by_deviation: own_by_deviation };
        // All ranks take part, whoever needs the gradient.
        let sums = super::sums(&own).unwrap_or(own);
        if let Some(parent) = parent {
            let means = [sums.plain, sums.by_deviation].map(|all| {
                let means: Vec<f32> = all.iter().map(|sum| (sum / sums.pixels) as f32).collect();
                Tensor::<1>::from_floats(means.as_slice(), &dy.device())
            });
            let [offset, slope] = means;
            let slope = slope * inverse.clone() * inverse.clone();
            let dx = (dy - spread(offset) - deviation * spread(slope)) * spread(gamma * inverse.clone());
            grads.register::<B>(parent.id, primitive::<B, 4>(dx));
        }
        if let Some(of_gamma) = of_gamma {
            grads.register::<B>(of_gamma.id, primitive::<B, 1>(by_deviation * inverse));
        }
        if let Some(of_beta) = of_beta {
            grads.register::<B>(of_beta.id, primitive::<B, 1>(plain));
        }
    }
}

/// Of each channel of `[n, channels, h, w]`; the variance is the biased one.
fn statistics(x: Tensor<4>) -> Statistics {
    let x = by_channel(x);
    let mean = x.clone().mean_dim(1);
    let deviation = x - mean.clone();
    let variance = (deviation.clone() * deviation).mean_dim(1);
    let [mean, variance] = read([&mean.squeeze_dim(1), &variance.squeeze_dim(1)]);
    Statistics { mean, variance }
}

/// `[n, channels, h, w]` to `[channels, n * h * w]`.
fn by_channel(x: Tensor<4>) -> Tensor<2> {
    let [_, channels, _, _] = x.dims();
    x.swap_dims(0, 1).reshape([channels as isize, -1])
}

/// `[channels]` as what `[n, channels, h, w]` is computed with.
fn spread(values: Tensor<1>) -> Tensor<4> {
    let [channels] = values.dims();
    values.reshape([1, channels, 1, 1])
}

/// How many pixels `[n, channels, h, w]` has.
fn pixels(x: &Tensor<4>) -> usize {
    let [images, _, height, width] = x.dims();
    images * height * width
}

/// Two vectors of as many values on the host, for which the device is waited for once.
fn read(both: [&Tensor<1>; 2]) -> [Vec<f32>; 2] {
    let mut first: Vec<f32> = Tensor::cat(both.map(Tensor::clone).to_vec(), 0).into_data().iter().collect();
    let second = first.split_off(first.len() / 2);
    [first, second]
}

/// A tensor that was computed from tensors of `B`'s, as burn's graph keeps it.
#[expect(clippy::expect_used, reason = "no operator goes to another backend")]
fn primitive<B: Backend, const D: usize>(tensor: Tensor<D>) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    tensor.try_into_primitive::<B>().expect("a tensor of this backend")
}

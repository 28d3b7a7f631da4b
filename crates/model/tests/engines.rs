//! Our kernels beside burn's: outputs, gradients, steps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the golden tests")]
mod weights;

#[path = "../../kernels/tests/emulator/mod.rs"]
#[allow(dead_code, unsafe_code, reason = "shared with the tests of the kernels")]
mod emulator;

use brazier_model::layer::Conv;
use brazier_model::layout::Stem;
use brazier_model::loss::{Emphasis, Truth, cost};
use brazier_model::native::{self, Engine, Format, with};
use brazier_model::parameters::{self, Kind, Map};
use brazier_model::resnet::pixels_to_tensor;
use brazier_model::{Architecture, Layout, ResNet};
use burn::module::Param;
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};

fn engines() -> Vec<Engine> {
    emulator::paths().into_iter().map(Engine::Kernels).collect()
}

/// Every kind of unit, stem and tail, small enough for burn's kernels.
fn layouts() -> Vec<(Layout, [usize; 3])> {
    let layout = |depth, shape| (Layout::resnet(depth, shape, 5).unwrap(), shape);
    let (mut small, shape) = layout(18, [3, 16, 16]);
    small.stages.iter_mut().enumerate().for_each(|(at, stage)| stage.filters = 8 << at);
    small.stem_filters = 8;
    let (mut deep, _) = layout(50, [1, 40, 36]);
    deep.stages.iter_mut().for_each(|stage| (stage.units, stage.filters) = (2, stage.filters / 8));
    deep.stem_filters = 20;
    let deep = deep.with_stem(Stem::Large);
    // Not of a depth that it is known for.
    let newer = Layout { architecture: Architecture::V15, ..deep.clone() };
    let newest = small.clone().with_architecture(Architecture::V15).unwrap();
    vec![(small, shape), layout(20, [1, 12, 10]), (deep, [1, 40, 36]), (newer, [1, 40, 36]), (newest, shape)]
}

/// Logits, loss and gradients of a batch of six.
fn learn(network: &ResNet, shape: [usize; 3], device: &Device) -> (Vec<f32>, f64, Gradients) {
    let [channels, height, width] = shape;
    let pixels = pixels_to_tensor(weights::pixels(6, shape), [6, height, width, channels], device);
    let truth = Truth::of_classes(&[0, 1, 2, 3, 4, 0], device);
    let logits = network.forward(pixels);
    let loss = cost(logits.clone(), &truth, &Emphasis::default());
    let gradients = loss.backward();
    (logits.into_data().iter::<f32>().collect(), loss.into_data().iter::<f64>().sum(), gradients)
}

/// Reads gradients, and moves weights by them.
struct Descend<'a> {
    gradients: &'a Gradients,
    rate: f64,
    seen: Vec<(String, Vec<f32>)>,
}

impl Map for Descend<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, kind: Kind, value: Tensor<D>) -> Tensor<D> {
        let gradient = if kind == Kind::Learned { value.grad(self.gradients) } else { None };
        let Some(gradient) = gradient else { return value };
        self.seen.push((name.to_owned(), gradient.clone().into_data().iter::<f32>().collect()));
        Tensor::from_inner(value.inner() - gradient * self.rate)
    }
}

fn descend(
    network: ResNet,
    head: &str,
    gradients: &Gradients,
    rate: f64,
) -> (ResNet, Vec<(String, Vec<f32>)>) {
    let mut step = Descend { gradients, rate, seen: Vec::new() };
    let network = parameters::map(network, head, &mut step);
    (network, step.seen)
}

/// Numbers of -0.5 to 0.5.
fn noise(stream: &mut weights::Stream, shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| (stream.unit() - 0.5) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Largest difference, relative to the largest value.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let difference = |(found, expected): (&f32, &f32)| (found - expected).abs();
    let pairs = found.iter().zip(expected).map(difference);
    pairs.fold(0.0, |most: f32, apart| if apart <= most { most } else { apart }) / largest
}

#[test]
fn outputs_and_gradients_are_burns() {
    let device = Device::flex().autodiff();
    for (layout, shape) in layouts() {
        let run = |engine| {
            with(engine, || {
                let network = weights::network(&layout, &device);
                let (logits, loss, gradients) = learn(&network, shape, &device);
                let (network, seen) = descend(network, &layout.head, &gradients, 0.0);
                (logits, loss, seen, parameters::export(&network, &layout.head))
            })
        };
        let (logits, loss, gradients, tensors) = run(Engine::Flex);
        assert!(gradients.len() > 20, "only {} gradients", gradients.len());
        for engine in engines() {
            let context = format!("{} with {engine:?}", layout.name());
            let found = run(engine);
            assert!(apart(&found.0, &logits) < 1e-4, "{context}: logits {}", apart(&found.0, &logits));
            assert!((found.1 - loss).abs() < 1e-4, "{context}: loss {} and {loss}", found.1);
            assert_eq!(found.2.len(), gradients.len(), "{context}");
            for ((name, ours), (_, theirs)) in found.2.iter().zip(&gradients) {
                // Rounding decides the sign of a value near 0, and so whether its gradient passes the activation.
                assert!(apart(ours, theirs) < 1e-2, "{context}: {name} {}", apart(ours, theirs));
            }
            for (ours, theirs) in found.3.iter().zip(&tensors).filter(|(ours, _)| ours.kind == Kind::Moving) {
                let apart = apart(&ours.values, &theirs.values);
                assert!(apart < 1e-4, "{context}: {} {apart}", ours.name);
            }
        }
    }
}

#[test]
fn factors_and_results_of_bfloat16_are_rounded_and_nothing_else_is() {
    let device = Device::flex().autodiff();
    let mut stream = weights::Stream::named("rounded");
    let mut noise = |shape| noise(&mut stream, shape, &device);
    let rounded = |tensor: &Tensor<4>| tensor.clone().cast(DType::BF16).cast(DType::F32);
    // An image of many channels, of an odd number, and of few.
    for [channels, kernel, stride] in [[12, 3, 1], [9, 3, 2], [3, 3, 1], [16, 1, 2]] {
        let x = noise([3, channels, 7, 6]);
        let weight = noise([10, channels, kernel, kernel]);
        let extents = [7usize, 6].map(|extent| extent.div_ceil(stride));
        let (residual, share) =
            (noise([3, 10, extents[0], extents[1]]), noise([3, 10, extents[0], extents[1]]));
        // Output and gradients of image, weights and residual.
        let run = |x: Tensor<4>, weight: Tensor<4>, share: Tensor<4>| {
            let mut conv = Conv::new([10, channels, kernel], stride, &device);
            conv.weight = Param::from_tensor(weight);
            let [x, residual] = [x, residual.clone()].map(|tensor| tensor.detach().require_grad());
            let (y, _) = conv.forward_onto_then(x.clone(), residual.clone(), None);
            let gradients = (y.clone().cast(DType::F32) * share).sum().backward();
            let weight = conv.weight.val();
            let read = |tensor: &Tensor<4>| {
                let gradient = tensor.grad(&gradients).unwrap();
                assert_eq!(gradient.dtype(), tensor.dtype());
                gradient.into_data()
            };
            [y.inner().cast(DType::F32).into_data(), read(&x), read(&weight), read(&residual)]
                .map(|data| data.iter::<f32>().collect::<Vec<f32>>())
        };
        for engine in engines() {
            let (exact, found) = with(engine, || {
                let mut exact = run(rounded(&x), rounded(&weight), rounded(&share));
                // An image of few channels is multiplied as it is; what its own gradient is made of is rounded.
                if channels < 8 {
                    let [y, _, weight, _] = run(x.clone(), weight.clone(), rounded(&share));
                    (exact[0], exact[2]) = (y, weight);
                }
                let found =
                    native::multiplying(Format::Bfloat16, || run(x.clone(), weight.clone(), share.clone()));
                (exact, found)
            });
            for (what, (found, exact)) in found.iter().zip(&exact).enumerate().take(3) {
                // A result has 8 bits; gradients have the format of what they are of.
                let (apart, most) = (apart(found, exact), if what == 0 { 4e-3 } else { 1e-5 });
                assert!(apart < most, "{engine:?}: {channels} channels, {what}: {apart}");
            }
            let share: Vec<f32> = rounded(&share).into_data().iter::<f32>().collect();
            assert!(apart(&found[3], &share) == 0.0);
        }
    }
}

#[test]
fn images_of_bfloat16_are_taken_as_they_are() {
    let device = Device::flex().autodiff();
    let mut stream = weights::Stream::named("images");
    let mut noise = |shape| noise(&mut stream, shape, &device).cast(DType::BF16);
    // Of few channels, which are multiplied in float32, of more, and a part of another that begins in the middle of a pair.
    let images = [
        noise([3, 6, 7, 6]),
        noise([2, 12, 5, 5]),
        noise([1, 14, 1, 1]).slice([0..1, 1..13]),
        noise([3, 6, 4, 4]).slice([1..3, 0..6]),
    ];
    for x in images {
        let [count, channels, height, width] = x.dims();
        let weight = noise([10, channels, 3, 3]).cast(DType::F32);
        let share = noise([count, 10, height, width]).cast(DType::F32);
        let run = |x: Tensor<4>| {
            let mut conv = Conv::new([10, channels, 3], 1, &device);
            conv.weight = Param::from_tensor(weight.clone());
            let x = x.detach().require_grad();
            let y = conv.forward(x.clone());
            let gradients = (y.clone().cast(DType::F32) * share.clone()).sum().backward();
            let gradient = x.grad(&gradients).unwrap();
            assert_eq!((y.dtype(), gradient.dtype()), (x.dtype(), x.dtype()));
            [y.inner(), gradient]
                .map(|tensor| tensor.cast(DType::F32).into_data().iter::<f32>().collect::<Vec<f32>>())
        };
        for engine in engines() {
            let [half, single] = with(engine, || [run(x.clone()), run(x.clone().cast(DType::F32))]);
            for (half, single) in half.iter().zip(&single) {
                let apart = apart(half, single);
                assert!(apart < 4e-3, "{engine:?}: {channels} channels: {apart}");
            }
        }
    }
}

#[test]
fn a_network_of_bfloat16_answers_nearly_alike_packed_or_not() {
    let device = Device::flex();
    for (layout, shape) in layouts() {
        let [channels, height, width] = shape;
        let network = weights::network(&layout, &device);
        let answers = |network: &ResNet| {
            let pixels = pixels_to_tensor(weights::pixels(6, shape), [6, height, width, channels], &device);
            network.forward(pixels).into_data().iter::<f32>().collect::<Vec<_>>()
        };
        for engine in engines() {
            let [single, unpacked, packed] = with(engine, || {
                let single = answers(&network);
                let [unpacked, packed] = native::multiplying(Format::Bfloat16, || {
                    [answers(&network), answers(&network.clone().packed())]
                });
                [single, unpacked, packed]
            });
            assert_eq!(unpacked, packed, "{}", layout.name());
            let distance = apart(&packed, &single);
            assert!(distance > 1e-5 && distance < 0.1, "{} with {engine:?}: {distance}", layout.name());
        }
    }
}

#[test]
fn a_network_of_bfloat16_learns_nearly_alike() {
    let device = Device::flex().autodiff();
    for (layout, shape) in layouts() {
        let run = || {
            let network = weights::network(&layout, &device);
            let (_, loss, gradients) = learn(&network, shape, &device);
            (loss, descend(network, &layout.head, &gradients, 0.0).1)
        };
        for engine in engines() {
            let (single, half) = with(engine, || (run(), native::multiplying(Format::Bfloat16, run)));
            let context = format!("{} with {engine:?}", layout.name());
            assert!((half.0 / single.0 - 1.0).abs() < 0.05, "{context}: loss {} and {}", half.0, single.0);
            assert_eq!(half.1.len(), single.1.len(), "{context}");
            let all = |seen: &[(String, Vec<f32>)]| -> Vec<f64> {
                seen.iter().flat_map(|(_, values)| values.iter().map(|&value| f64::from(value))).collect()
            };
            let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            let (ours, theirs) = (all(&half.1), all(&single.1));
            let cosine = dot(&ours, &theirs) / (dot(&ours, &ours) * dot(&theirs, &theirs)).sqrt();
            // Values near 0 change sides of the activation, in these small images many of them.
            let least = if layout.depth() > 20 { 0.7 } else { 0.9 };
            assert!(cosine > least, "{context}: gradients' cosine {cosine}");
        }
    }
}

#[test]
fn twenty_steps_go_where_burns_go() {
    let device = Device::flex().autodiff();
    let (layout, shape) = layouts().swap_remove(1);
    let run = |engine| -> Vec<f64> {
        with(engine, || {
            let mut network = weights::network(&layout, &device);
            let step = |_| {
                let (_, loss, gradients) = learn(&network, shape, &device);
                network = descend(network.clone(), &layout.head, &gradients, 0.02).0;
                loss
            };
            (0..20).map(step).collect()
        })
    };
    let expected = run(Engine::Flex);
    assert!(expected[19] < expected[0] / 2.0, "{expected:?}");
    for engine in engines() {
        let found = run(engine);
        for (step, (ours, theirs)) in found.iter().zip(&expected).enumerate() {
            assert!((ours - theirs).abs() < 2e-3, "{engine:?}: step {step} {ours}, burn's {theirs}");
        }
    }
}

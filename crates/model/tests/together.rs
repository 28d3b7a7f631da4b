//! Batch norm over the images of all ranks, wherever it computes: alone it is burn's, and ranks together do what one does.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the golden tests")]
mod weights;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use brazier_kernels::Path;
use brazier_model::device::{Choice, select};
use brazier_model::layer::BatchNorm;
use brazier_model::native::{Engine, with};
use brazier_model::together::{Peers, together};
use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

const CHANNELS: usize = 6;
const PIXELS: usize = 4 * 3;

/// Every device that is there, with every engine of the processor.
fn places() -> Vec<(Device, Engine)> {
    let kernels = Path::all().into_iter().map(|path| (Device::flex(), Engine::Kernels(path)));
    let mut places: Vec<_> = kernels.chain([(Device::flex(), Engine::Flex)]).collect();
    for choice in [Choice::Ndarray, Choice::Cuda(None)] {
        match select(choice) {
            Ok(mut selection) => places.push((selection.devices.swap_remove(0), Engine::Flex)),
            Err(reason) => eprintln!("skipped: {reason}"),
        }
    }
    places
}

/// A rank that has no other.
struct Alone;

impl Peers for Alone {
    fn share(&self) -> f64 {
        1.0
    }

    fn sum(&mut self, _values: &mut [f32]) {}
}

/// One of two ranks.
struct Two {
    share: f64,
    to: Sender<Vec<f32>>,
    from: Receiver<Vec<f32>>,
}

impl Peers for Two {
    fn share(&self) -> f64 {
        self.share
    }

    fn sum(&mut self, values: &mut [f32]) {
        self.to.send(values.to_vec()).unwrap();
        let other = self.from.recv().unwrap();
        values.iter_mut().zip(other).for_each(|(value, other)| *value += other);
    }
}

/// What is normalised, and what each value of the result adds to the loss, both `[n, CHANNELS, 4, 3]`.
#[derive(Clone)]
struct Images {
    x: Vec<f32>,
    weight: Vec<f32>,
}

impl Images {
    /// Means are large beside deviations, and each image has its own.
    fn new(count: usize) -> Self {
        let mut stream = weights::Stream::named("together");
        let mut noise = || (stream.unit() - 0.5) as f32;
        let x = (0..count * CHANNELS * PIXELS).map(|at| 30.0 + (at / (CHANNELS * PIXELS)) as f32 + noise());
        Images { x: x.collect(), weight: (0..count * CHANNELS * PIXELS).map(|_| noise()).collect() }
    }

    fn split(&self, count: usize) -> [Images; 2] {
        let (x, weight) =
            (self.x.split_at(count * CHANNELS * PIXELS), self.weight.split_at(count * CHANNELS * PIXELS));
        [
            Images { x: x.0.to_vec(), weight: weight.0.to_vec() },
            Images { x: x.1.to_vec(), weight: weight.1.to_vec() },
        ]
    }

    fn count(&self) -> usize {
        self.x.len() / CHANNELS / PIXELS
    }
}

/// Output, gradient of `x`, gradients of gamma and beta, moving mean and variance.
type Found = [Vec<f32>; 6];

/// What a batch norm makes of images whose loss is the mean over them, in the format `dtype`.
fn learn(images: &Images, (device, engine): (Device, Engine), dtype: DType, fixed: bool) -> Found {
    let device = device.autodiff();
    let read = |values: TensorData| values.iter::<f32>().collect::<Vec<_>>();
    let tensor = |values: &[f32]| {
        let data = TensorData::new(values.to_vec(), [images.count(), CHANNELS, 4, 3]);
        Tensor::<4>::from_data(data, &device)
    };
    let vector = |values: [f32; CHANNELS]| Param::from_tensor(Tensor::<1>::from_floats(values, &device));
    let mut norm = BatchNorm::new(CHANNELS, 2e-5, &device);
    norm.gamma = vector([1.0, -0.5, 2.0, 0.3, 1.5, -0.2]);
    norm.beta = vector([0.2, 0.0, -0.3, 1.0, 0.1, 0.4]);
    let norm = if fixed { norm.with_fixed_gamma() } else { norm };
    let x = tensor(&images.x).require_grad();
    let (y, gradients) = with(engine, || {
        let y = Tensor::<4>::from(norm.forward_relu(x.clone().cast(dtype))).cast(DType::F32);
        let loss = (y.clone() * tensor(&images.weight)).sum() / images.count() as f64;
        (y, loss.backward())
    });
    let gamma = norm.gamma.val().grad(&gradients).map(|gradient| read(gradient.into_data()));
    [
        read(y.into_data()),
        read(x.grad(&gradients).unwrap().into_data()),
        gamma.unwrap_or_default(),
        read(norm.beta.val().grad(&gradients).unwrap().into_data()),
        read(norm.moving_mean.value().into_data()),
        read(norm.moving_var.value().into_data()),
    ]
}

/// The largest difference, as a share of the largest value.
fn apart(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let pairs = found.iter().zip(expected).map(|(one, other)| (one - other).abs() / largest);
    // What is no number stays.
    pairs.fold(0.0, |most: f32, apart| if apart <= most { most } else { apart })
}

fn check(found: &Found, expected: &Found, tolerance: f32, context: &str) {
    let names = ["output", "gradient of x", "gradient of gamma", "gradient of beta", "mean", "variance"];
    for ((name, found), expected) in names.into_iter().zip(found).zip(expected) {
        let apart = apart(found, expected);
        assert!(apart <= tolerance, "{context}: {name} {apart}");
    }
}

#[test]
fn a_rank_alone_computes_what_burn_computes() {
    let images = Images::new(6);
    // The last bit of a format with few of them is worth more.
    let formats = [
        (DType::F32, false, 1e-4),
        (DType::F32, true, 1e-4),
        (DType::BF16, false, 1e-2),
        (DType::F16, false, 2e-3),
    ];
    for place in places() {
        for (dtype, fixed, tolerance) in formats {
            if !place.0.supports_dtype(dtype) {
                continue;
            }
            let context = format!("{place:?}, {dtype:?}, {fixed}");
            let expected = learn(&images, (place.0.clone(), Engine::Flex), dtype, fixed);
            let found = together(&mut Alone, || learn(&images, place.clone(), dtype, fixed));
            assert_eq!(found[2].is_empty(), fixed, "{context}");
            check(&found, &expected, tolerance, &context);
        }
    }
}

#[test]
fn two_ranks_compute_what_one_does_with_all_images() {
    let images = Images::new(6);
    let parts = images.split(4);
    for place in places() {
        let context = format!("{place:?}");
        let expected = learn(&images, place.clone(), DType::F32, false);
        let ((to_first, from_second), (to_second, from_first)) = (channel(), channel());
        let links = [(to_second, from_second), (to_first, from_first)];
        let ranks = parts.clone().into_iter().zip(links).map(|(part, (to, from))| {
            let place = place.clone();
            thread::spawn(move || {
                let share = part.count() as f64 / 6.0;
                let learned =
                    together(&mut Two { share, to, from }, || learn(&part, place, DType::F32, false));
                (share as f32, learned)
            })
        });
        let ranks: Vec<_> = ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect();
        let [(first, one), (second, other)] = <[_; 2]>::try_from(ranks).unwrap();
        let scaled =
            |values: &[f32], share: f32| values.iter().map(|value| value * share).collect::<Vec<_>>();
        let joined = |at: usize, [first, second]: [f32; 2]| {
            [scaled(&one[at], first), scaled(&other[at], second)].concat()
        };
        let summed = |at: usize| {
            let pairs = one[at].iter().zip(&other[at]);
            pairs.map(|(one, other)| one * first + other * second).collect::<Vec<_>>()
        };
        let found = [
            joined(0, [1.0; 2]),
            joined(1, [first, second]),
            summed(2),
            summed(3),
            one[4].clone(),
            one[5].clone(),
        ];
        check(&found, &expected, 1e-4, &context);
        assert_eq!([&one[4], &one[5]], [&other[4], &other[5]], "{context}");
    }
}

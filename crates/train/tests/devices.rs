//! Every device takes the step that flex takes: the same loss, the same movement of every weight and statistic.
//!
//! What is not built in or not there is skipped, and says so.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod job;
#[path = "../../../tests/golden/network/weights.rs"]
mod weights;

use std::path::Path;

use brazier_collective::Single;
use brazier_data::{Batch, Labels};
use brazier_model::Layout;
use brazier_model::device::{Choice, select};
use brazier_model::native::{Engine, with};
use brazier_model::parameters::export;
use brazier_train::Job;
use brazier_train::step::{Trainer, Turn};
use burn::tensor::Device;

/// Every parameter before and after two steps, and the loss of each step.
struct Steps {
    before: Vec<f32>,
    after: Vec<f32>,
    losses: Vec<f64>,
}

fn steps(device: Device, layers: u32, shape: [usize; 3]) -> Steps {
    let layout = Layout::resnet(layers, shape, 3).unwrap();
    let job = Job { device, ..job::job(layout, shape, 6, Path::new("unused")) };
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let mut link = Single;
    let mut trainer = Trainer::new(&job, network, &mut link);
    let all = |trainer: &Trainer| {
        export(&trainer.network(), "fc1").into_iter().flat_map(|one| one.values).collect()
    };
    let before = all(&trainer);
    let step = |update| {
        let labels = Labels::Classes(vec![0, 1, 2, 2, 1, 0]);
        let pixels = weights::pixels(6, shape);
        let batch = Batch { pixels, labels, shape: job.transform.shape, origins: Vec::new() };
        let batch = trainer.upload(batch);
        trainer.step(Some(batch), Turn::alone(update, 0.01)).unwrap().seen.mean_loss()
    };
    let losses = (1..=2).map(step).collect();
    Steps { before, after: all(&trainer), losses }
}

/// The difference of two sets of numbers, as a share of how far the second moved.
fn error(found: &Steps, expected: &Steps) -> f64 {
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    distance(&found.after, &expected.after) / distance(&expected.before, &expected.after)
}

/// Compares with flex and burn's own kernels: small and large stem, both kinds of unit. In fifty layers of random weights what
/// rounding does to the sign of a value near 0 grows: a few thousandths of the way, where ten times the usual is allowed.
fn agrees(name: &str, run: impl Fn(u32, [usize; 3]) -> Steps, tolerance: f64) {
    let cases =
        [(20, [1, 8, 8], tolerance), (18, [3, 36, 36], tolerance), (50, [3, 32, 32], 10.0 * tolerance)];
    for (layers, shape, tolerance) in cases {
        let expected = with(Engine::Flex, || steps(Device::flex(), layers, shape));
        let found = run(layers, shape);
        assert_eq!(found.before, expected.before);
        let error = error(&found, &expected);
        assert!(error < tolerance, "{name}, ResNet-{layers}: {error}");
        for (found, expected) in found.losses.iter().zip(&expected.losses) {
            assert!((found - expected).abs() < tolerance * expected, "{name}: {found} {expected}");
        }
    }
}

fn device_agrees(choice: Choice, tolerance: f64) {
    match select(choice) {
        Ok(mut selection) => {
            let device = selection.devices.swap_remove(0);
            agrees(&choice.to_string(), |layers, shape| steps(device.clone(), layers, shape), tolerance);
        }
        Err(reason) => eprintln!("skipped: {reason}"),
    }
}

#[test]
fn our_kernels_take_the_step_that_burns_take() {
    for name in ["portable", "avx2", "avx512"] {
        match Engine::named(name) {
            Ok(engine) => {
                let run = |layers, shape| with(engine, || steps(Device::flex(), layers, shape));
                agrees(name, run, 1e-3);
            }
            Err(reason) => eprintln!("skipped: {reason}"),
        }
    }
}

#[test]
fn ndarray_takes_the_step_that_flex_takes() {
    device_agrees(Choice::Ndarray, 1e-3);
}

/// Convolutions in TF32, which has 10 bits of precision, on GPUs that have it.
#[test]
fn a_gpu_takes_the_step_that_flex_takes() {
    device_agrees(Choice::Cuda(None), 1e-2);
}

//! Four steps of SGD against MXNet 1.9.1, tensor by tensor: `tests/golden/network` has the figures and the script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the tests of `model`")]
mod weights;

mod job;

use std::fs;
use std::path::Path;

use brazier_collective::Single;
use brazier_data::{Batch, Labels};
use brazier_model::Layout;
use brazier_model::parameters::{Kind, export};
use brazier_train::step::Trainer;
use burn::module::Module;
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn four_steps_move_every_tensor_as_mxnet_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/steps.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(!cases.is_empty());
    cases.iter().for_each(check);
}

fn check(case: &Value) {
    let extents: Vec<usize> =
        case["image_shape"].as_array().unwrap().iter().map(|extent| number(extent) as usize).collect();
    let (classes, batch) = (number(&case["num_classes"]) as usize, number(&case["batch"]) as usize);
    let shape = [extents[0], extents[1], extents[2]];
    let layout = Layout::resnet(number(&case["num_layers"]) as u32, shape, classes).unwrap();
    let job = job::job(layout, shape, batch, Path::new("unused"));
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let mut collective = Single;
    let mut trainer = Trainer::new(&job, network, &mut collective);
    let mut stream = weights::Stream::named("label");
    let labels: Vec<i64> = (0..batch).map(|_| (stream.next() % classes as u64) as i64).collect();

    for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let pixels = weights::pixels(batch, shape);
        let images = Batch { pixels, labels: Labels::Classes(labels.clone()), shape: job.transform.shape };
        let (seen, _) = trainer.step(images, number(&step["learning_rate"]), false).unwrap();
        let probabilities = step["probabilities"].as_array().unwrap();
        let loss: f64 =
            probabilities.iter().zip(&labels).map(|(row, &label)| -number(&row[label as usize]).ln()).sum();
        let context = format!("{} layers, step {index}", case["num_layers"]);
        assert!(
            (seen.loss - loss).abs() < 1e-4 * loss.max(1.0),
            "{context}: loss {}, MXNet {loss}",
            seen.loss
        );
        for parameter in export(&trainer.network().valid(), &job.layout.head) {
            let group = if parameter.kind == Kind::Learned { "arg" } else { "aux" };
            let theirs = &step[group][&parameter.name];
            let context = format!("{context}: {}", parameter.name);
            compare(&parameter.values, theirs, &context);
        }
    }
}

/// The tolerances are ten times what MXNet's own f32 differs from f64 by.
fn compare(ours: &[f32], theirs: &Value, context: &str) {
    let squares: f64 = ours.iter().map(|&value| f64::from(value).powi(2)).sum();
    let (l2, expected) = (squares.sqrt(), number(&theirs["l2"]));
    assert!((l2 - expected).abs() <= 1e-4 * expected, "{context}: l2 {l2}, MXNet {expected}");
    let sum: f64 = ours.iter().map(|&value| f64::from(value)).sum();
    let scale = expected * (ours.len() as f64).sqrt();
    let expected = number(&theirs["sum"]);
    assert!((sum - expected).abs() <= 1e-4 * scale, "{context}: sum {sum}, MXNet {expected}");
    let largest = ours.iter().fold(1e-3, |largest: f64, &value| largest.max(f64::from(value).abs()));
    for (ours, theirs) in ours.iter().zip(theirs["first"].as_array().unwrap()) {
        let difference = (f64::from(*ours) - number(theirs)).abs();
        assert!(difference <= 1e-4 * largest, "{context}: {ours}, MXNet {theirs}");
    }
}

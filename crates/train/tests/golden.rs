//! Four steps of each optimizer against MXNet 1.9.1, tensor by tensor: `tests/golden/network` has the figures and the script.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the tests of `model`")]
mod weights;

mod job;

use std::fs;
use std::path::Path;

use brazier_collective::Single;
use brazier_data::{Batch, Labels};
use brazier_model::Layout;
use brazier_model::layout::Output;
use brazier_model::parameters::{Kind, export};
use brazier_train::optimizer::Rule;
use brazier_train::reduce::Word;
use brazier_train::step::{Trainer, Turn};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn four_steps_move_every_tensor_as_mxnet_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/steps.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 6);
    cases.iter().for_each(check);
}

/// As `make.py` sets them.
fn rule(optimizer: &str) -> Rule {
    let (momentum, weight_decay) = (0.9, 1e-4);
    match optimizer {
        "sgd" => Rule::Sgd { momentum, weight_decay },
        "nag" => Rule::Nag { momentum, weight_decay },
        "adam" => Rule::Adam { beta_1: 0.9, beta_2: 0.999, eps: 1e-2 },
        "rmsprop" => Rule::RmsProp { gamma: 0.9, eps: 1e-2 },
        other => panic!("{other} is no optimizer"),
    }
}

fn check(case: &Value) {
    let extents: Vec<usize> =
        case["image_shape"].as_array().unwrap().iter().map(|extent| number(extent) as usize).collect();
    let (classes, batch) = (number(&case["num_classes"]) as usize, number(&case["batch"]) as usize);
    let shape = [extents[0], extents[1], extents[2]];
    let several = case["multi_label"].as_bool().unwrap();
    let output = if several { Output::Logistic } else { Output::Softmax };
    let layout =
        Layout::resnet(number(&case["num_layers"]) as u32, shape, classes).unwrap().with_output(output);
    let mut job = job::job(layout, shape, batch, Path::new("unused"));
    job.optimizer = rule(case["optimizer"].as_str().unwrap());
    let network = weights::network(&job.layout, &job.device.clone().autodiff());
    let mut collective = Single;
    let mut trainer = Trainer::new(&job, network, &mut collective);
    let mut stream = weights::Stream::named("label");
    let mut draw = |count: usize, below: usize| -> Vec<i64> {
        (0..count).map(|_| (stream.next() % below as u64) as i64).collect()
    };
    let labels = match several {
        false => Labels::Classes(draw(batch, classes)),
        true => {
            let values = draw(batch * classes, 2).into_iter().map(|label| label as f32).collect();
            Labels::MultiHot { classes, values }
        }
    };

    for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let pixels = weights::pixels(batch, shape);
        let images =
            Batch { pixels, labels: labels.clone(), shape: job.transform.shape, origins: Vec::new() };
        let images = trainer.upload(images);
        let turn = Turn::alone(index + 1, number(&step["learning_rate"]));
        let Word { seen, .. } = trainer.step(Some(images), turn).unwrap();
        let loss = loss(step["probabilities"].as_array().unwrap(), &labels);
        let context =
            format!("{}, {} layers, several {several}, step {index}", case["optimizer"], case["num_layers"]);
        assert!(
            (seen.loss - loss).abs() < 1e-4 * loss.max(1.0),
            "{context}: loss {}, MXNet {loss}",
            seen.loss
        );
        for parameter in export(&trainer.network(), &job.layout.head) {
            let group = if parameter.kind == Kind::Learned { "arg" } else { "aux" };
            let theirs = &step[group][&parameter.name];
            let context = format!("{context}: {}", parameter.name);
            compare(&parameter.values, theirs, &context);
        }
    }
}

/// The sum over the images of `-ln p` of what is true of them, or of its mean over the classes.
fn loss(probabilities: &[Value], labels: &Labels) -> f64 {
    let of = |(row, at): (&Value, usize)| -> f64 {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(number).collect();
        let classes = labels.of(at);
        match labels {
            Labels::Classes(_) => -row[classes[0]].ln(),
            Labels::MultiHot { .. } => {
                let cell = |(class, p): (usize, &f64)| {
                    if classes.contains(&class) { p.ln() } else { (1.0 - p).ln() }
                };
                -row.iter().enumerate().map(cell).sum::<f64>() / row.len() as f64
            }
        }
    };
    probabilities.iter().zip(0..).map(of).sum()
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

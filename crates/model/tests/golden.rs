//! Graphs, shapes and outputs against MXNet 1.9.1, and outputs against torchvision: `tests/golden/network` and
//! `tests/golden/torchvision` have the figures and the scripts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../tests/golden/network/weights.rs"]
#[allow(dead_code, missing_docs, reason = "shared with the tests of `train`")]
mod weights;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use brazier_model::layout::{Output, Stem};
use brazier_model::parameters::{Kind, export};
use brazier_model::resnet::pixels_to_tensor;
use brazier_model::{Architecture, Layout, ResNet, graph, loss};
use brazier_mxnet::symbol::Symbol;
use burn::tensor::{Device, Tensor};
use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network")
}

fn figures(file: &str) -> Vec<Value> {
    serde_json::from_slice(&fs::read(folder().join(file)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn shape(case: &Value) -> [usize; 3] {
    let extents: Vec<usize> = numbers(&case["image_shape"]).iter().map(|&extent| extent as usize).collect();
    extents.try_into().unwrap()
}

fn layout(case: &Value) -> Layout {
    let number = |key: &str| case[key].as_u64().unwrap();
    Layout::resnet(number("num_layers") as u32, shape(case), number("num_classes") as usize).unwrap()
}

#[test]
fn symbols_are_written_byte_for_byte_as_mxnet_does() {
    let mut seen = 0;
    for entry in fs::read_dir(folder().join("symbols")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut text = String::new();
        match name.ends_with(".gz") {
            true => GzDecoder::new(fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap(),
            false => fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap(),
        };
        let numbers: Vec<usize> =
            name.split('.').next().unwrap().split('-').map(|number| number.parse().unwrap()).collect();
        let layout = Layout::resnet(numbers[0] as u32, [numbers[1], numbers[2], numbers[3]], 10).unwrap();
        let symbol = graph::symbol(&layout);
        if layout.stem == Stem::Large {
            // MXNet's oneDNN build gives a max pool a second output, its workspace; the replaced container's does not.
            let mut theirs = Symbol::parse(&text).unwrap();
            theirs.node_row_ptr.clone_from(&symbol.node_row_ptr);
            text = theirs.to_json();
        }
        let ours = symbol.to_json();
        let line = ours.lines().zip(text.lines()).position(|(ours, theirs)| ours != theirs);
        assert!(ours.trim_end() == text.trim_end(), "{name} differs first in line {line:?}");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} golden symbols found");
}

#[test]
fn names_shapes_and_order_are_mxnets() {
    let device = Device::flex();
    for case in figures("shapes.json") {
        let layout = layout(&case);
        let parameters = export(&ResNet::new(&layout, &device), &layout.head);
        let lines = parameters.iter().map(|parameter| {
            let prefix = if parameter.kind == Kind::Learned { "arg" } else { "aux" };
            let extents: Vec<String> = parameter.shape.iter().map(ToString::to_string).collect();
            format!("{prefix}:{} {}\n", parameter.name, extents.join(","))
        });
        let digest = Sha256::digest(lines.collect::<String>());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let (depth, shape) = (&case["num_layers"], &case["image_shape"]);
        assert_eq!(digest, case["sha256"].as_str().unwrap(), "{depth} layers at {shape}");
    }
}

#[test]
fn logits_and_probabilities_are_mxnets() {
    let device = Device::flex();
    for case in figures("forward.json") {
        let layout = layout(&case);
        let [channels, height, width] = shape(&case);
        let pixels = weights::pixels(3, [channels, height, width]);
        let logits = weights::network(&layout, &device).forward(pixels_to_tensor(
            pixels,
            [3, height, width, channels],
            &device,
        ));
        let probabilities: Vec<f64> =
            loss::probabilities(logits.clone(), Output::Softmax).into_data().iter::<f64>().collect();
        let context = format!("{} layers at {}", case["num_layers"], case["image_shape"]);
        compare_logits(&case, logits, &context);
        let theirs = case["probabilities"].as_array().unwrap().iter().flat_map(numbers);
        for (ours, theirs) in probabilities.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-4, "{context}: probability {ours}, MXNet {theirs}");
        }
    }
}

#[test]
fn logits_of_version_1_5_are_torchvisions() {
    let device = Device::flex();
    for case in figures("../torchvision/forward.json") {
        let layout = layout(&case).with_architecture(Architecture::V15).unwrap();
        let [channels, height, width] = shape(&case);
        let pixels = weights::pixels(3, [channels, height, width]);
        let pixels = pixels_to_tensor(pixels, [3, height, width, channels], &device);
        let logits = weights::network(&layout, &device).forward(pixels);
        compare_logits(&case, logits, &format!("{} at {}", layout.name(), case["image_shape"]));
    }
}

/// The logits of every image against the figures of `case`, relative to the image's largest.
fn compare_logits(case: &Value, logits: Tensor<2>, context: &str) {
    let [images, classes] = logits.dims();
    let logits: Vec<f64> = logits.into_data().iter::<f64>().collect();
    let expected = case["logits"].as_array().unwrap();
    assert_eq!(expected.len(), images);
    for (ours, theirs) in logits.chunks(classes).zip(expected) {
        let theirs = numbers(theirs);
        let largest = theirs.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 3e-5 * largest, "{context}: logit {ours}, expected {theirs}");
        }
    }
}

//! MXNet itself loads what we write and gives the same probabilities.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{npy, run};

/// Needs a Python with MXNet 1.9.1 (`tests/golden/network/README.md` says how to make one).
#[test]
fn mxnet_loads_our_artifact_and_agrees() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (layers, shape) in [("20", "1,28,28"), ("18", "1,28,28"), ("50", "3,40,36")] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        // A few steps on real digits: weights and moving statistics are those of a network that has learned something.
        let told = run([
            "train",
            repository.join("datasets/mnist").to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
            "--num-layers",
            layers,
            "--image-shape",
            shape,
            "--epochs",
            "1",
            "--mini-batch-size",
            "8",
            "--num-training-samples",
            "64",
            "--learning-rate",
            "0.01",
        ]);
        assert_eq!(told.code, 0, "{}", told.err);
        let extents: Vec<usize> = shape.split(',').map(|extent| extent.parse().unwrap()).collect();
        let array = folder.path().join("images.npy");
        write_images(&array, &extents);
        let (model, answer) = (output.join("model"), folder.path().join("answer.json"));
        let script = repository.join("tests/golden/network/load_artifact.py");
        let status = Command::new(&python).args([&script, &model, &array, &answer]).status().unwrap();
        assert!(status.success(), "MXNet could not load the artifact");
        let theirs: Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
        let ours = run(["predict", "--model", model.to_str().unwrap(), "--npy", array.to_str().unwrap()]);
        assert_eq!(ours.code, 0, "{}", ours.err);
        let mut compared = 0;
        for (line, theirs) in ours.out.lines().zip(theirs["probabilities"].as_array().unwrap()) {
            let ours: Value = serde_json::from_str(line).unwrap();
            for (ours, theirs) in
                ours["probabilities"].as_array().unwrap().iter().zip(theirs.as_array().unwrap())
            {
                let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
                assert!((ours - theirs).abs() < 1e-4, "{layers} at {shape}: {ours}, MXNet {theirs}");
                compared += 1;
            }
        }
        assert_eq!(compared, 5 * 10);
    }
}

/// Five images of changing stripes as a NumPy array.
fn write_images(path: &Path, extents: &[usize]) {
    let shape: Vec<usize> = std::iter::once(&5).chain(extents).copied().collect();
    let values: Vec<u8> = (0..shape.iter().product()).map(|at: usize| (at * at / 7 % 251) as u8).collect();
    fs::write(path, npy(&shape, &values)).unwrap();
}

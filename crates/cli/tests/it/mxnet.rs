//! MXNet itself loads what we write and gives the same probabilities.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::extensions::train_to_model;
use crate::harness::{OptMl, SIDE, digits, grey, npy, run, trained, write_records};
use crate::{incremental, ranks, several_labels, torchvision};

/// Needs a Python with MXNet 1.9.1 (`tests/golden/network/README.md` says how to make one).
#[test]
fn mxnet_loads_our_artifact_and_agrees() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    for (layers, shape, version) in [
        ("20", "1,28,28", "2"),
        ("18", "1,28,28", "2"),
        ("50", "3,40,36", "2"),
        ("18", "1,12,12", "1.5"),
        ("50", "3,40,36", "1.5"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        agree(&python, &digits(&folder.path().join("out"), layers, shape, version), shape, 10);
    }
    let several = several_labels::tree(&[("epochs", "2")]);
    assert_eq!(several.train().code, 0);
    agree(&python, &several.path("model"), "1,8,8", 3);
}

/// Both answer alike for images of `shape`.
fn agree(python: &str, model: &Path, shape: &str, classes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let extents: Vec<usize> = shape.split(',').map(|extent| extent.parse().unwrap()).collect();
    let array = folder.path().join("images.npy");
    write_images(&array, &extents);
    let answer = folder.path().join("answer.json");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/load_artifact.py");
    let status = Command::new(python).args([&script, model, &array, &answer]).status().unwrap();
    assert!(status.success(), "MXNet could not load the artifact");
    let theirs: Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
    let ours = run(["predict", "--model", model.to_str().unwrap(), "--npy", array.to_str().unwrap()]);
    assert_eq!(ours.code, 0, "{}", ours.err);
    let (mut compared, mut uncertain) = (0, 0);
    for (line, theirs) in ours.out.lines().zip(theirs["probabilities"].as_array().unwrap()) {
        let ours: Value = serde_json::from_str(line).unwrap();
        for (ours, theirs) in ours["probabilities"].as_array().unwrap().iter().zip(theirs.as_array().unwrap())
        {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            assert!((ours - theirs).abs() < 1e-4, "{shape}: {ours}, MXNet {theirs}");
            compared += 1;
            uncertain += usize::from((1e-3..0.999).contains(&ours));
        }
    }
    assert_eq!(compared, 5 * classes);
    assert!(uncertain > 0, "{shape}: answers of nothing but 0 and 1 prove little");
}

/// Five images of changing stripes as a NumPy array.
fn write_images(path: &Path, extents: &[usize]) {
    let shape: Vec<usize> = std::iter::once(&5).chain(extents).copied().collect();
    let values: Vec<u8> = (0..shape.iter().product()).map(|at: usize| (at * at / 7 % 251) as u8).collect();
    fs::write(path, npy(&shape, &values)).unwrap();
}

/// From the same weights, over the same batches in the same order, both come to the same weights and statistics.
#[test]
fn four_steps_of_each_optimizer_through_the_binary_are_mxnets() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let order: Vec<(usize, usize)> = (0..24).map(|at| (at % 3, at / 3)).collect();
    let pixels: Vec<u8> = order.iter().flat_map(|&(class, number)| grey(class, number)).collect();
    fs::write(path("images.npy"), npy(&[24, 1, SIDE as usize, SIDE as usize], &pixels)).unwrap();
    fs::write(
        path("labels.npy"),
        npy(&[24, 1], &order.iter().map(|order| order.0 as u8).collect::<Vec<_>>()),
    )
    .unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/train_steps.py");
    let (v2, v15) = (trained(), torchvision::trained("1,8,8"));
    let jobs = [
        (&v2, "sgd", r#""momentum": 0.9, "wd": 1e-4"#),
        (&v2, "nag", r#""momentum": 0.9, "wd": 1e-4"#),
        (&v2, "adam", r#""beta1": 0.9, "beta2": 0.999, "epsilon": 1e-2, "wd": 0"#),
        (&v2, "rmsprop", r#""gamma1": 0.9, "epsilon": 1e-2, "wd": 0"#),
        (&v15, "sgd", r#""momentum": 0.9, "wd": 1e-4"#),
    ];
    for (first, name, settings) in jobs {
        let settings = format!(r#"{{"name": "{name}", "learning_rate": 0.005, {settings}}}"#);
        let (images, labels, out) = (path("images.npy"), path("labels.npy"), path("theirs.params"));
        let status = Command::new(&python)
            .args([&script, &first.path("model"), &images, &labels])
            .args(["6".as_ref(), settings.as_ref(), out.as_os_str()])
            .status();
        assert!(status.unwrap().success(), "MXNet could not train");
        let ours = incremental::going_on(
            &first.path("model"),
            &[("optimizer", name), ("learning_rate", "0.005"), ("eps", "0.01"), ("shuffle", "False")],
        );
        let told = ours.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        assert_near(&ours, &out, name);
    }
}

/// What we trained is what MXNet left in `theirs`, within 1e-5 of the largest value of each array, or of 1.
fn assert_near(ours: &OptMl, theirs: &Path, what: &str) {
    let theirs = incremental::params(theirs);
    let ours = incremental::params(&ours.path("model").join(ours.weights()));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    // Fixed at 1 wherever it is used. MXNet's parameter server knows nothing of that and lets it decay.
    let is_used = |name: &String| name != "arg:bn_data_gamma";
    for (array, ours) in ours.into_iter().filter(|(name, _)| is_used(name)) {
        let (ours, theirs) = (ours.to_f32().unwrap(), theirs[&array].to_f32().unwrap());
        let largest = theirs.iter().fold(1.0, |largest: f32, value| largest.max(value.abs()));
        let furthest =
            ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        assert!(furthest <= 1e-5 * largest, "{what}, {array}: {furthest} apart, the largest is {largest}");
    }
}

/// Images of a rank's step. Of three, the statistics of a batch are so rough that rounding errors grow tenfold in a few steps.
const BATCH: usize = 6;

/// As many of our ranks and of MXNet's workers, from the same weights over the same batches: 20 steps of `dist_sync`.
#[test]
fn twenty_steps_on_several_ranks_are_mxnets_dist_sync() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/train_steps.py");
    let first = trained();
    for (world, name, settings) in [
        (2, "sgd", r#""momentum": 0.9, "wd": 1e-4"#),
        (4, "sgd", r#""momentum": 0.9, "wd": 1e-4"#),
        (2, "adam", r#""beta1": 0.9, "beta2": 0.999, "epsilon": 1e-2, "wd": 0"#),
    ] {
        let images = 20 * world * BATCH; // a multiple of the three classes
        let order: Vec<(usize, usize)> = (0..images).map(|at| (at % 3, at / 3)).collect();
        let pixels: Vec<u8> = order.iter().flat_map(|&(class, number)| grey(class, number)).collect();
        let labels: Vec<u8> = order.iter().map(|order| order.0 as u8).collect();
        fs::write(path("images.npy"), npy(&[images, 1, SIDE as usize, SIDE as usize], &pixels)).unwrap();
        fs::write(path("labels.npy"), npy(&[images, 1], &labels)).unwrap();
        let settings = format!(r#"{{"name": "{name}", "learning_rate": 0.001, {settings}}}"#);
        let out = path("theirs.params");
        fs::remove_file(&out).ok();
        let status = Command::new(&python)
            .args([&script, &first.path("model"), &path("images.npy"), &path("labels.npy")])
            .args([
                BATCH.to_string().as_ref(),
                settings.as_ref(),
                out.as_os_str(),
                world.to_string().as_ref(),
            ])
            .status();
        assert!(status.unwrap().success(), "MXNet could not train");
        let (samples, batch) = (images.to_string(), BATCH.to_string());
        let tree = |_| {
            let tree = incremental::going_on(
                &first.path("model"),
                &[
                    ("optimizer", name),
                    ("learning_rate", "0.001"),
                    ("eps", "0.01"),
                    ("shuffle", "False"),
                    ("mini_batch_size", &batch),
                    ("num_training_samples", &samples),
                ],
            );
            write_records(&tree.channel("train").join("data.rec"), images / 3);
            tree
        };
        let trees: Vec<OptMl> = (0..world).map(tree).collect();
        ranks::train(&trees);
        assert_near(&trees[0], &out, &format!("{world} ranks, {name}"));
    }
}

/// MXNet infers the number formats that a half-precision artifact has, array by array.
#[test]
fn mxnet_infers_our_number_formats() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let (tree, _) = train_to_model(&[("precision_dtype", "float16"), ("compute_dtype", "float16")]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/infer_types.py");
    let told = Command::new(python).args([&script, &tree.path("model")]).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    // The weights of 22 convolutions, and weight and bias of the last layer.
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "24");
}

/// The golden updates of single optimizers are still MXNet's.
#[test]
fn golden_updates_are_those_of_mxnet() {
    let Ok(python) = env::var("MXNET_PYTHON") else {
        println!("skipped: MXNET_PYTHON names no Python with MXNet");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/optimizers/make.py");
    let told = Command::new(python).arg(&script).arg("--check").output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}

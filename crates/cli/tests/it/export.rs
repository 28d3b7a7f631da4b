//! `export`: models in the form of other programs, who must answer as we do.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use brazier_checkpoint::archive::{self, Limits};
use serde_json::Value;

use crate::harness::{CLASSES, OptMl, digits, npy, run, trained};
use crate::{incremental, several_labels};

pub fn export(model: &Path, to: &str, out: &Path) {
    let told =
        run(["export", "--model", model.to_str().unwrap(), "--to", to, "--out", out.to_str().unwrap()]);
    assert_eq!((told.code, told.out.trim_end()), (0, out.to_str().unwrap()), "{}", told.err);
}

/// Probabilities of five striped images of `shape`, whose file is `images`. They are not all certain: that would prove little.
pub fn ours(model: &Path, shape: [usize; 3], images: &Path) -> Vec<Vec<f64>> {
    let values: Vec<u8> =
        (0..5 * shape.iter().product::<usize>()).map(|at| (at * at / 7 % 251) as u8).collect();
    fs::write(images, npy(&[5, shape[0], shape[1], shape[2]], &values)).unwrap();
    let told = run(["predict", "--model", model.to_str().unwrap(), "--npy", images.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}", told.err);
    let row = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect()
    };
    let rows: Vec<Vec<f64>> = told.out.lines().map(row).collect();
    assert!(rows.iter().flatten().any(|probability| (1e-3..0.999).contains(probability)), "{rows:?}");
    rows
}

/// Needs a Python with onnxruntime.
#[test]
fn onnx_runtime_agrees() {
    let Ok(python) = env::var("ONNX_PYTHON") else {
        println!("skipped: ONNX_PYTHON names no Python with onnxruntime");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let several = several_labels::tree(&[("epochs", "2")]);
    assert_eq!(several.train().code, 0);
    let models = [
        (digits(&path("20"), "20", "1,28,28", "2"), [1, 28, 28], "Softmax"),
        // The large stem with its pool, bottlenecks, colour, and sides that do not halve evenly.
        (digits(&path("50"), "50", "3,45,36", "2"), [3, 45, 36], "Softmax"),
        (digits(&path("18-v1.5"), "18", "1,12,12", "1.5"), [1, 12, 12], "Softmax"),
        (digits(&path("50-v1.5"), "50", "3,45,36", "1.5"), [3, 45, 36], "Softmax"),
        (several.path("model"), [1, 8, 8], "Sigmoid"),
    ];
    for (number, (model, shape, last)) in models.iter().enumerate() {
        let (onnx, images, answer) =
            (path(&format!("{number}.onnx")), path("images.npy"), path("answer.json"));
        export(model, "onnx", &onnx);
        let expected = ours(model, *shape, &images);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/network/run_onnx.py");
        let status = Command::new(&python).args([&script, &onnx, &images, &answer]).status().unwrap();
        assert!(status.success(), "ONNX Runtime could not load the model");
        let theirs: Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
        let rows = theirs["probabilities"].as_array().unwrap();
        assert_eq!(rows.len(), expected.len());
        for (ours, theirs) in expected.iter().zip(rows) {
            for (ours, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
                let theirs = theirs.as_f64().unwrap();
                assert!((ours - theirs).abs() < 1e-4, "{shape:?}: {ours}, ONNX Runtime {theirs}");
            }
        }
        assert_eq!(theirs["metadata"]["image_shape"], shape.map(|extent| extent.to_string()).join(","));
        assert_eq!(theirs["metadata"]["multi_label"], if *last == "Sigmoid" { "1" } else { "0" });
    }
}

#[test]
fn safetensors_hold_every_array() {
    let first = trained();
    let out = first.path("model.safetensors");
    export(&first.path("model"), "safetensors", &out);
    let bytes = fs::read(&out).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let facts = header.remove("__metadata__").unwrap();
    assert_eq!(facts["class_names"], serde_json::json!(CLASSES).to_string());
    let params = incremental::params(&first.path("model").join(first.weights()));
    assert_eq!(header.len(), params.len());
    for (name, array) in params {
        let tensor = &header[name.split_once(':').unwrap().1];
        assert_eq!(
            (&tensor["dtype"], &tensor["shape"]),
            (&"F32".into(), &serde_json::json!(array.shape)),
            "{name}"
        );
        let ends =
            tensor["data_offsets"].as_array().unwrap().iter().map(|end| end.as_u64().unwrap() as usize);
        let ends: Vec<usize> = ends.collect();
        let values: Vec<f32> =
            data[ends[0]..ends[1]].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        assert_eq!(values, array.to_f32().unwrap(), "{name}");
    }
}

#[test]
fn the_old_form_is_three_files_that_answer_alike() {
    let first = trained();
    let out = first.path("old.tar.gz");
    export(&first.path("model"), "mxnet", &out);
    let files = archive::select(&out, &Limits::default(), |_| true).unwrap();
    let weights = first.weights();
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        [weights.as_str(), "image-classification-symbol.json", "model-shapes.json"]
    );
    let images = first.path("images.npy");
    assert_eq!(ours(&out, [1, 8, 8], &images), ours(&first.path("model"), [1, 8, 8], &images));

    let told = run([
        "export",
        "--model",
        first.path("model").to_str().unwrap(),
        "--to",
        "mxnet",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("is there already"), "{}", told.err);
    let empty = OptMl::new(&[]);
    let told =
        run(["export", "--model", empty.0.path().to_str().unwrap(), "--to", "onnx", "--out", "x.onnx"]);
    assert_eq!(told.code, 2, "{}", told.err);
}

//! Version 1.5, torchvision's ResNet: trained from the start and from its weights, and taken back by torchvision itself.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use brazier_mxnet::params::NdArray;
use serde_json::Value;

use crate::endpoint::{Server, probabilities};
use crate::export::{export, ours};
use crate::harness::{OptMl, Told, brazier, image, run, write_folders};
use crate::incremental::{going_on, learned, params, pretrained, refused, sound};

/// A trained job of version 1.5 on small images, of the large stem from 33 pixels on.
pub fn trained(shape: &str) -> OptMl {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[
        ("resnet_version", "1.5"),
        ("num_layers", "18"),
        ("image_shape", shape),
        ("epochs", "1"),
    ]);
    sound(&tree.train());
    tree
}

/// A torchvision file of a model of ours of `shape`.
fn tensors(first: &OptMl, name: &str) -> PathBuf {
    let file = first.path(name);
    export(&first.path("model"), "safetensors", &file);
    file
}

fn without_head(mut arrays: BTreeMap<String, NdArray>) -> BTreeMap<String, NdArray> {
    arrays.retain(|name, _| !name.starts_with("arg:fc1"));
    arrays
}

/// Needs a Python with torchvision (`tests/golden/torchvision/README.md` says how to make one).
#[test]
fn torchvision_takes_back_its_weights_and_agrees() {
    let Ok(python) = env::var("TORCH_PYTHON") else {
        println!("skipped: TORCH_PYTHON names no Python with torchvision");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/torchvision/resnet.py");
    let torch = |arguments: &[&Path]| {
        let status = Command::new(&python).arg(&script).args(arguments).status().unwrap();
        assert!(status.success(), "torchvision refused {arguments:?}");
    };
    for depth in ["18", "50"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let weights = path("weights.safetensors");
        torch(&["make".as_ref(), depth.as_ref(), &weights]);
        let job = pretrained(
            Some(&weights),
            &[("num_layers", depth), ("image_shape", "3,48,40"), ("num_training_samples", "6")],
        );
        let told = job.train();
        sound(&told);
        assert!(
            told.out.contains("resnet_version is 1.5, that of the weights in weights.safetensors."),
            "{}",
            told.out
        );

        let (back, images, answer) = (path("back.safetensors"), path("images.npy"), path("answer.json"));
        export(&job.path("model"), "safetensors", &back);
        let expected = ours(&job.path("model"), [3, 48, 40], &images);
        torch(&["predict".as_ref(), &back, &images, &answer]);
        let theirs: Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
        assert_eq!(theirs["metadata"]["mean"], "[0.485,0.456,0.406]");
        assert_eq!(theirs["metadata"]["std"], "[0.229,0.224,0.225]");
        let rows = theirs["probabilities"].as_array().unwrap();
        assert_eq!(rows.len(), expected.len());
        let mut furthest = 0.0f64;
        for (ours, theirs) in expected.iter().zip(rows) {
            for (ours, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
                furthest = furthest.max((ours - theirs.as_f64().unwrap()).abs());
            }
        }
        println!("ResNet-{depth}: probabilities as {:?}, {furthest:e} apart at most", expected[0]);
        assert!(furthest < 1e-4, "ResNet-{depth}: probabilities are {furthest} apart");
    }
}

#[test]
fn a_network_of_ours_goes_out_and_comes_back_under_torchvisions_names() {
    let first = trained("3,33,33");
    let file = tensors(&first, "resnet18.safetensors");
    // A rate of 0 learns nothing: the weights are those of the file.
    let second = pretrained(Some(&file), &[("resnet_version", "1.5")]);
    sound(&second.train());
    assert_eq!(without_head(learned(&second)), without_head(learned(&first)));
    let normalisation = |tree: &OptMl| {
        let mut all = params(&tree.path("model").join(tree.weights()));
        all.retain(|name, _| name.contains("bn_data"));
        all
    };
    // The image's normalisation is not in the file, and no training moves it.
    assert_eq!(normalisation(&second), normalisation(&first));
    for (name, expected) in [
        ("arg:bn_data_gamma", [1.0; 3]),
        ("arg:bn_data_beta", [0.0; 3]),
        ("aux:bn_data_moving_mean", [123.675, 116.28, 103.53]),
    ] {
        assert_eq!(normalisation(&first)[name].to_f32().unwrap(), expected, "{name}");
    }

    // As timm's models lie in the image: a folder for each.
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("resnet18.tv_in1k", fs::read(&file).unwrap()), ("resnet50.tv_in1k", vec![])] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("model.safetensors"), content).unwrap();
    }
    let train = |job: &OptMl| -> Told {
        let mut command = brazier();
        command.env("BRAZIER_PRETRAINED", folder.path()).arg("train").arg("--prefix").arg(job.0.path());
        command.output().unwrap().into()
    };
    let third = pretrained(None, &[]);
    let told = train(&third);
    sound(&told);
    let line = "resnet_version is 1.5, that of the weights in resnet18.tv_in1k/model.safetensors.";
    assert!(told.out.contains(line), "{}", told.out);
    assert_eq!(learned(&third), learned(&second));
    let metadata = fs::read_to_string(third.path("model/brazier.json")).unwrap();
    assert!(metadata.contains("\"resnet_version\": \"1.5\""), "{metadata}");

    // Beside MXNet's weights the version decides, and without one it is MXNet's, as before.
    fs::write(folder.path().join("resnet-18-0000.params"), "not asked for").unwrap();
    sound(&train(&pretrained(None, &[("resnet_version", "1.5")])));
    let told = train(&pretrained(None, &[]));
    assert!(told.code == 2 && told.err.contains("resnet-18-0000.params"), "{}", told.err);
}

#[test]
fn a_model_of_version_1_5_goes_on_and_says_what_it_is() {
    let first = trained("1,8,8");
    let second = going_on(&first.path("model"), &[]);
    let told = second.train();
    sound(&told);
    assert!(told.out.contains("ResNet-18 v1.5 on images of 1,8,8, 3 classes"), "{}", told.out);
    assert_eq!(learned(&second), learned(&first));

    let model = first.path("model");
    let told = run(["inspect", model.to_str().unwrap()]);
    assert!(told.out.contains("ResNet-18 v1.5, images of 1,8,8, 3 classes"), "{}{}", told.out, told.err);

    let png = first.path("light.png");
    fs::write(&png, image(2, 5)).unwrap();
    let told = run(["predict", "--json", "--model", model.to_str().unwrap(), png.to_str().unwrap()]);
    let predicted: Value = serde_json::from_str(&told.out).expect(&told.err);
    let (status, served) = Server::start(&model, &[]).classify(&image(2, 5));
    assert_eq!(
        (status, &serde_json::to_value(probabilities(&served)).unwrap()),
        (200, &predicted["probabilities"])
    );

    // A person says the version and nothing of the depth.
    write_folders(&first.path("folders"), 4);
    let (folders, output) = (first.path("folders"), first.path("out"));
    let told = run(["train", folders.to_str().unwrap(), "--output", output.to_str().unwrap()]
        .into_iter()
        .chain(["--resnet-version", "1.5", "--epochs", "1"]));
    sound(&told);
    assert!(told.out.contains("ResNet-18 v1.5 on images of 1,8,8, 3 classes"), "{}", told.out);

    refused(
        &going_on(&first.path("model"), &[("resnet_version", "2"), ("num_layers", "34")]),
        "num_layers is 34, the model's is 18; resnet_version is 2, the model's is 1.5",
    );
    let old = crate::harness::trained();
    refused(
        &going_on(&old.path("model"), &[("resnet_version", "1.5"), ("num_layers", "18")]),
        "num_layers is 18, the model's is 20; resnet_version is 1.5, the model's is 2",
    );
}

#[test]
fn weights_and_version_that_do_not_go_together_are_refused_by_name() {
    let first = trained("3,33,33");
    let file = tensors(&first, "resnet18.safetensors");
    refused(
        &pretrained(Some(&file), &[("resnet_version", "2")]),
        "resnet_version is 2, the weights in resnet18.safetensors are those of 1.5: expected resnet_version=1.5, or left out, or \
         MXNet's weights in a .params file",
    );
    let old = crate::harness::trained();
    let params = old.path("model").join(old.weights());
    refused(
        &pretrained(Some(&params), &[("resnet_version", "1.5")]),
        &format!(
            "resnet_version is 1.5, the weights in {} are those of 2: expected resnet_version=2",
            old.weights()
        ),
    );
    refused(
        &pretrained(Some(&file), &[("num_layers", "50")]),
        "resnet18.safetensors: its arrays are those of a ResNet-18, num_layers is 50",
    );
    refused(
        &pretrained(Some(&file), &[("num_layers", "200")]),
        "resnet_version 1.5 has the depths 18, 34, 50, 101, 152, num_layers is 200",
    );
    let bytes = fs::read(&file).unwrap();
    let cut = first.path("cut.safetensors");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    refused(&pretrained(Some(&cut), &[]), "cut.safetensors: ");

    for depth in ["20", "200"] {
        let tree = OptMl::with_records();
        tree.hyperparameters(&[("resnet_version", "1.5"), ("num_layers", depth)]);
        let words = "resnet_version 1.5 needs num_layers to be one of 18, 34, 50, 101, 152, but it is ";
        refused(&tree, &format!("{words}{depth}"));
    }
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("resnet_version", "1")]);
    refused(
        &tree,
        "The value '1' is not valid for the 'resnet_version' hyperparameter which expects one of 2, 1.5",
    );
}

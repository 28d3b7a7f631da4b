//! Jobs that do not begin at random: the channel `model`, `--from`, and `use_pretrained_model`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use brazier_checkpoint::archive;
use brazier_mxnet::params::{NdArray, Params};

use crate::harness::{CLASSES, OptMl, Told, image, run, trained, write_folders};

/// A job on the records whose channel `model` holds `model.tar.gz` of the folder `model`. Nothing is said of the
/// network.
pub fn going_on(model: &Path, hyperparameters: &[(&str, &str)]) -> OptMl {
    let tree = OptMl::with_records();
    fs::create_dir_all(tree.channel("model")).unwrap();
    archive::pack_folder(model, &tree.channel("model").join("model.tar.gz")).unwrap();
    let path = tree.path("input/config/inputdataconfig.json");
    let text = fs::read_to_string(&path).unwrap();
    let model = r#"{"model": {"ContentType": "application/x-sagemaker-model", "TrainingInputMode": "File"},"#;
    fs::write(path, text.replacen('{', model, 1)).unwrap();
    let mut all = vec![("num_classes", "3"), ("num_training_samples", "24"), ("mini_batch_size", "6")];
    all.extend([("epochs", "1"), ("learning_rate", "0")]);
    all.extend(hyperparameters);
    let all: BTreeMap<&str, &str> = all.into_iter().collect();
    tree.write("input/config/hyperparameters.json", &serde_json::to_string(&all).unwrap());
    tree
}

pub fn params(path: &Path) -> BTreeMap<String, NdArray> {
    Params::read(&fs::read(path).unwrap()).unwrap().0.into_iter().collect()
}

pub fn learned(tree: &OptMl) -> BTreeMap<String, NdArray> {
    let mut all = params(&tree.path("model").join(tree.weights()));
    all.retain(|name, _| name.starts_with("arg:") && name != "arg:bn_data_gamma");
    all
}

pub fn sound(told: &Told) {
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
}

#[test]
fn a_model_of_ours_goes_on() {
    let first = trained();
    let second = going_on(&first.path("model"), &[]);
    let told = second.train();
    sound(&told);
    let file = first.weights();
    let line = format!(
        "Using the model of the channel 'model' for initializing weights: {file}, ResNet-20 on images of 1,8,8, 3 classes"
    );
    assert!(told.out.contains(&line), "{}", told.out);
    assert!(!told.out.contains("random weight"), "{}", told.out);
    assert!(
        told.out.contains("num_layers: 20\n") && told.out.contains("image_shape: 1,8,8\n"),
        "{}",
        told.out
    );
    assert!(
        told.out.contains("Final configuration: {") && told.out.contains("'num_layers': '20'"),
        "{}",
        told.out
    );
    // A rate of 0 learns nothing: the weights are those of the model.
    assert_eq!(learned(&second), learned(&first));
    // Records tell no names; the model's are kept.
    let metadata = fs::read_to_string(second.path("model/brazier.json")).unwrap();
    assert!(metadata.contains("\"dark\",\n    \"half\",\n    \"light\""), "{metadata}");

    let told =
        going_on(&first.path("model"), &[("learning_rate", "0.01"), ("use_pretrained_model", "1")]).train();
    sound(&told);
    assert!(
        told.out.contains("use_pretrained_model has no effect on a job that goes on from a model."),
        "{}",
        told.out
    );
}

#[test]
fn a_model_of_the_old_algorithm_goes_on_under_its_own_names() {
    let first = trained();
    let folder = tempfile::tempdir().unwrap();
    // As fine-tuning left it: another last layer, half precision, nothing but the three files.
    let old = |name: &str| name.replace("fc1", "newlayer_fc2");
    let symbol = fs::read_to_string(first.path("model/image-classification-symbol.json")).unwrap();
    fs::write(folder.path().join("image-classification-symbol.json"), old(&symbol)).unwrap();
    fs::copy(first.path("model/model-shapes.json"), folder.path().join("model-shapes.json")).unwrap();
    let arrays = params(&first.path("model").join(first.weights()));
    let half =
        |array: &NdArray| NdArray::from_f32_as_f16(array.shape.clone(), &array.to_f32().unwrap()).unwrap();
    let arrays = arrays.iter().map(|(name, array)| (old(name), half(array))).collect();
    let mut bytes = Vec::new();
    Params(arrays).write(&mut bytes).unwrap();
    fs::write(folder.path().join("image-classification-0007.params"), bytes).unwrap();

    let second = going_on(folder.path(), &[]);
    sound(&second.train());
    let (before, after) = (learned(&first), learned(&second));
    assert_eq!(after.len(), before.len());
    for (name, array) in before {
        let (found, expected) = (after[&old(&name)].to_f32().unwrap(), array.to_f32().unwrap());
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-3),
            "{name}"
        );
    }
}

#[test]
fn what_differs_from_the_model_is_told_at_once() {
    let first = trained();
    let other = [("num_layers", "32"), ("image_shape", "1,9,9"), ("num_classes", "4"), ("multi_label", "1")];
    let tree = going_on(&first.path("model"), &other);
    assert_eq!(tree.train().code, 2);
    let failure = tree.failure().unwrap();
    for words in [
        "ClientError: ",
        "num_layers is 32, the model's is 20",
        "image_shape is 1,9,9, the model's is 1,8,8",
        "num_classes is 4, the model's is 3",
        "multi_label is 1, the model's is 0",
        "match_classes=1",
    ] {
        assert!(failure.contains(words), "no '{words}' in {failure}");
    }

    let empty = going_on(&first.path("model"), &[]);
    fs::remove_file(empty.channel("model").join("model.tar.gz")).unwrap();
    assert_eq!(empty.train().code, 2);
    let failure = empty.failure().unwrap();
    assert!(failure.contains("the model has no image-classification-symbol.json"), "{failure}");
}

/// Rows of the last layer by class.
fn rows(model: &Path) -> BTreeMap<String, Vec<f32>> {
    let metadata: serde_json::Value =
        serde_json::from_slice(&fs::read(model.join("brazier.json")).unwrap()).unwrap();
    let names =
        metadata["class_names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let weights = fs::read_dir(model).unwrap().map(|entry| entry.unwrap().path());
    let weights = weights.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "params"));
    let head = params(&weights.unwrap())["arg:fc1_weight"].clone();
    let values = head.to_f32().unwrap();
    names.zip(values.chunks(head.shape[1]).map(<[f32]>::to_vec)).collect()
}

#[test]
fn classes_are_matched_by_name_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_folders(&folder.path().join("three"), 4);
    sound(&run(["train", &path("three"), "--output", &path("first"), "--epochs", "1"]));
    // 'half' goes, 'bright' comes, and stands before the others.
    for (name, class) in [(CLASSES[0], 0), ("bright", 2), (CLASSES[2], 2), ("zebra", 1)] {
        fs::create_dir_all(folder.path().join("four").join(name)).unwrap();
        for number in 0..4 {
            let file = folder.path().join("four").join(name).join(format!("{number}.png"));
            fs::write(file, image(class, number)).unwrap();
        }
    }
    let model = path("first/model");
    let go_on = |output: &str, more: &[&str]| {
        let common =
            ["train", &path("four"), "--output", &path(output), "--from", &model, "--learning-rate", "0"];
        run([&common[..], &["--epochs", "1"], more].concat())
    };
    let told = go_on("refused", &[]);
    assert_eq!(told.code, 2);
    for words in ["classes are bright, dark, light, zebra, the model's dark, half, light", "match_classes=1"]
    {
        assert!(told.err.contains(words), "{}", told.err);
    }
    let told = go_on("refused", &["--match-classes", "1", "--num-classes", "5"]);
    assert!(told.err.contains("the data name 4 classes"), "{}", told.err);
    let told = run(["train", &path("four"), "--match-classes", "1"]);
    assert!(told.err.contains("expected a channel 'model', or --from"), "{}", told.err);
    let told = go_on("second", &["--match-classes", "1"]);
    sound(&told);
    assert!(
        told.out.contains("2 of 4 classes go on from the model's, 2 are new, 1 of the model's are dropped."),
        "{}",
        told.out
    );
    let (before, after) = (rows(Path::new(&model)), rows(&folder.path().join("second/model")));
    assert_eq!(after.keys().collect::<Vec<_>>(), ["bright", "dark", "light", "zebra"]);
    for kept in ["dark", "light"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert!(
        !before.values().any(|row| *row == after["zebra"])
            && after["zebra"].iter().any(|&value| value != 0.0)
    );
}

/// A job of `use_pretrained_model` on the records, in colour, with what `channel` holds.
pub fn pretrained(channel: Option<&Path>, hyperparameters: &[(&str, &str)]) -> OptMl {
    let tree = OptMl::with_records();
    let all = [
        ("use_pretrained_model", "1"),
        ("num_layers", "18"),
        ("image_shape", "3,8,8"),
        ("learning_rate", "0"),
    ];
    tree.hyperparameters(&[&all[..], &[("epochs", "1")], hyperparameters].concat());
    if let Some(weights) = channel {
        fs::create_dir_all(tree.channel("pretrained")).unwrap();
        fs::copy(weights, tree.channel("pretrained").join(weights.file_name().unwrap())).unwrap();
        let path = tree.path("input/config/inputdataconfig.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replacen('{', r#"{"pretrained": {"TrainingInputMode": "File"},"#, 1)).unwrap();
    }
    tree
}

#[test]
fn pretrained_weights_come_from_a_channel_or_the_image_and_the_last_layer_is_new() {
    // Of other classes and of a large image: what a pretrained network is.
    let first = OptMl::with_records();
    first.hyperparameters(&[
        ("num_layers", "18"),
        ("image_shape", "3,33,33"),
        ("epochs", "1"),
        ("num_classes", "5"),
    ]);
    sound(&first.train());
    let weights = first.path("resnet-18-0000.params");
    fs::copy(first.path("model").join(first.weights()), &weights).unwrap();

    let second = pretrained(Some(&weights), &[]);
    let told = second.train();
    sound(&told);
    assert!(
        told.out.contains("Using pretrained model for initializing weights and transfer learning."),
        "{}",
        told.out
    );
    let (mut before, mut after) = (learned(&first), learned(&second));
    assert_eq!(after.remove("arg:fc1_weight").unwrap().shape, [3, 512]);
    assert_eq!(after.remove("arg:fc1_bias").unwrap().shape, [3]);
    before.retain(|name, _| !name.starts_with("arg:fc1"));
    assert_eq!(after, before);

    // From the image's own folder, the file of the depth asked for.
    let folder = tempfile::tempdir().unwrap();
    fs::copy(&weights, folder.path().join("resnet-18-0000.params")).unwrap();
    fs::write(folder.path().join("resnet-50-0000.params"), "not asked for").unwrap();
    let third = pretrained(None, &[]);
    let mut command = crate::harness::brazier();
    command.env("BRAZIER_PRETRAINED", folder.path()).arg("train").arg("--prefix").arg(third.0.path());
    sound(&command.output().unwrap().into());
    assert_eq!(learned(&third), learned(&second));
}

/// The job fails, and its failure holds `words`.
pub fn refused(tree: &OptMl, words: &str) {
    assert_eq!(tree.train().code, 2);
    let failure = tree.failure().unwrap();
    assert!(failure.starts_with("ClientError: ") && failure.contains(words), "{failure}");
}

#[test]
fn without_fitting_weights_a_pretrained_job_says_what_it_needs() {
    refused(
        &pretrained(None, &[]),
        "finds no .params or .safetensors file in /opt/brazier/pretrained: expected MXNet's .params of a ResNet-18",
    );
    refused(&pretrained(None, &[("image_shape", "1,8,8")]), "image_shape is 1,8,8, expected 3 channels");
    let first = trained();
    let other = first.path("model").join(first.weights());
    refused(&pretrained(Some(&other), &[]), "its arrays are those of a ResNet-20, num_layers is 18");
    // A deeper network has every array of a shallower one.
    let deep = OptMl::with_records();
    deep.hyperparameters(&[
        ("num_layers", "34"),
        ("image_shape", "3,33,33"),
        ("num_training_samples", "6"),
        ("epochs", "1"),
    ]);
    sound(&deep.train());
    let deeper = deep.path("model").join(deep.weights());
    refused(&pretrained(Some(&deeper), &[]), "its arrays are those of a ResNet-34, num_layers is 18");
}

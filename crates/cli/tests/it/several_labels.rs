//! Jobs whose images have several labels: `multi_label=1`.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{CLASSES, OptMl, image, run, write_folders};

/// Whether an image of each class is dark somewhere, is of two halves, and is light somewhere.
const LABELS: [&str; 3] = ["1\t0\t0", "1\t1\t1", "0\t0\t1"];

/// The text of a `.lst` with a column for each label.
fn list(per_class: usize) -> String {
    let line = |at: usize| format!("{at}\t{}\t{}/{}.png\n", LABELS[at % 3], CLASSES[at % 3], at / 3);
    (0..3 * per_class).map(line).collect()
}

/// A job on images with three labels each.
pub fn tree(hyperparameters: &[(&str, &str)]) -> OptMl {
    let tree = OptMl::with_lists();
    for (name, per_class) in [("train", 8), ("validation", 3)] {
        write_folders(&tree.channel(name), per_class);
        tree.write(&format!("input/data/{name}_lst/{name}.lst"), &list(per_class));
    }
    let several = [("multi_label", "1"), ("epochs", "8"), ("learning_rate", "0.2")];
    tree.hyperparameters(&[&several[..], hyperparameters].concat());
    tree
}

#[test]
fn each_label_has_a_probability_of_its_own() {
    let tree = tree(&[]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("train images per class: 0 16, 1 8, 2 16"), "{}", told.out);
    let best = told.out.split("Best validation accuracy: ").nth(1).and_then(|rest| rest.split(' ').next());
    // Of 27 cells, not of 9 images.
    let right = best.unwrap().parse::<f64>().unwrap() * 27.0;
    assert!((right - right.round()).abs() < 1e-4 && right > 24.0, "{}", told.out);

    let graph = fs::read_to_string(tree.path("model/image-classification-symbol.json")).unwrap();
    assert!(graph.contains("LogisticRegressionOutput") && !graph.contains("SoftmaxOutput"));
    let (model, png) = (tree.path("model"), tree.path("half.png"));
    fs::write(&png, image(1, 5)).unwrap();
    let (model, png) = (model.to_str().unwrap(), png.to_str().unwrap());
    let told = run(["predict", "--model", model, png, "--json"]);
    let line: Value = serde_json::from_str(&told.out).unwrap();
    let mut labels: Vec<u64> =
        line["labels"].as_array().unwrap().iter().map(|label| label.as_u64().unwrap()).collect();
    labels.sort_unstable();
    assert_eq!(labels, [0, 1, 2], "{line}");
    let sum: f64 = line["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).sum();
    assert!(sum > 1.5, "{line}");
    let told = run(["predict", "--model", model, png]);
    assert!(told.out.lines().next().unwrap().matches(" %)").count() == 3, "{}", told.out);
}

#[test]
fn a_persons_run_finds_the_number_of_labels() {
    let tree = tree(&[]);
    let (data, out) = (tree.path("input/data"), tree.path("out"));
    let common = ["train", data.to_str().unwrap(), "--output", out.to_str().unwrap(), "--multi-label", "1"];
    let told = run([&common[..], &["--epochs", "1"]].concat());
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("3 classes"), "{}", told.out);
}

#[test]
fn a_weighted_loss_learns_something_else() {
    let weights = |hyperparameters: &[(&str, &str)]| {
        let tree = tree(&[hyperparameters, &[("epochs", "1")]].concat());
        let told = tree.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        fs::read(tree.path("model").join(tree.weights())).unwrap()
    };
    let plain = weights(&[]);
    assert_eq!(plain, weights(&[("use_weighted_loss", "0")]));
    assert_ne!(plain, weights(&[("use_weighted_loss", "1")]));
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |tree: &OptMl, words: &str| {
        let told = tree.train();
        assert_eq!(told.code, 2, "{}{}", told.out, told.err);
        let failure = tree.failure().unwrap();
        assert!(failure.starts_with("ClientError: ") && failure.contains(words), "{failure}");
    };
    refused(
        &tree(&[("num_classes", "4")]),
        "Mismatch between number of labels in the multi-label data (3) and the num_classes parameter (4).",
    );
    let one_class = tree(&[("multi_label", "0")]);
    refused(&one_class, "dark/0.png (train.lst line 1)");

    let piped = tree(&[("use_weighted_loss", "1")]);
    let channel = json!({"ContentType": "application/x-recordio", "TrainingInputMode": "Pipe"});
    piped.write(
        "input/config/inputdataconfig.json",
        &json!({"train": channel, "validation": channel}).to_string(),
    );
    refused(&piped, "use_weighted_loss=1");
}

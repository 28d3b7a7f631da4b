//! Bad input of every kind: one sentence that names the thing, the value and what was expected.

use std::fs;

use crate::harness::{OptMl, image, run};

/// Trains and asserts a client's failure whose reason holds all of `words`.
fn refused(tree: &OptMl, words: &[&str]) {
    let told = tree.train();
    let failure = tree.failure().unwrap_or_else(|| panic!("no failure file\n{}{}", told.out, told.err));
    assert_eq!(told.code, 2, "{failure}");
    assert!(failure.starts_with("ClientError: "), "{failure}");
    assert!(failure.lines().count() == 1 && failure.chars().count() < 1000, "{failure}");
    for word in words {
        assert!(failure.contains(word), "no '{word}' in: {failure}");
    }
    assert!(told.out.contains("Customer Error: "), "{}", told.out);
    says_it_once(&failure);
    for text in [&told.out, &told.err, &failure] {
        assert!(!text.contains("panicked") && !text.contains("internal error"), "{text}");
    }
}

/// No clause between colons stands there twice.
fn says_it_once(sentence: &str) {
    let mut clauses: Vec<&str> = sentence.split(": ").map(str::trim).collect();
    clauses.sort_unstable();
    assert!(clauses.windows(2).all(|pair| pair[0] != pair[1]), "{sentence}");
}

#[test]
fn an_unknown_hyperparameter_is_named_and_the_right_one_offered() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("mini_batchsize", "6")]);
    refused(
        &tree,
        &[
            "Additional hyperparameters are not allowed ('mini_batchsize' was unexpected)",
            "'mini_batch_size'",
        ],
    );
}

#[test]
fn ill_typed_values_are_all_told_at_once() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[
        ("epochs", "many"),
        ("learning_rate", "2"),
        ("num_layers", "19"),
        ("optimizer", "lion"),
    ]);
    refused(
        &tree,
        &["'many'", "'epochs'", "'2'", "'learning_rate'", "'19'", "'num_layers'", "'lion'", "adam"],
    );
}

#[test]
fn a_missing_required_hyperparameter_is_named() {
    let tree = OptMl::with_records();
    tree.write("input/config/hyperparameters.json", "{}");
    refused(&tree, &["No value(s) were specified for 'num_classes'", "'num_training_samples'"]);
}

#[test]
fn image_shapes_that_cannot_be_are_refused() {
    for shape in ["4,28,28", "1,0,28", "28", "3,224", "1,28,-1", "3,28,100000"] {
        let tree = OptMl::with_records();
        tree.hyperparameters(&[("image_shape", shape)]);
        refused(&tree, &["image_shape", shape]);
    }
}

#[test]
fn one_class_and_too_large_a_batch_are_refused() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("num_classes", "1")]);
    refused(&tree, &["'num_classes'", "'1'", "2"]);
    let huge =
        [("mini_batch_size", "1000000"), ("num_training_samples", "1000000"), ("image_shape", "3,4096,4096")];
    tree.hyperparameters(&huge);
    fs::remove_file(tree.path("output/failure")).unwrap();
    refused(&tree, &["mini_batch_size", "image_shape"]);
}

#[test]
fn a_batch_larger_than_the_data_is_refused() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("mini_batch_size", "25")]);
    refused(&tree, &["The number of input images must be bigger or equal to the mini_batch_size."]);
}

#[test]
fn a_missing_channel_is_named_with_those_there_are() {
    let tree = OptMl::new(&[("train", "application/x-recordio")]);
    crate::harness::write_records(&tree.channel("train").join("data.rec"), 8);
    refused(&tree, &["channel 'validation' is missing", "train"]);
}

#[test]
fn an_empty_channel_says_what_was_looked_for() {
    let tree = OptMl::with_records();
    fs::remove_file(tree.channel("train").join("data.rec")).unwrap();
    fs::write(tree.channel("train").join(".hidden"), "x").unwrap();
    refused(&tree, &["channel 'train' is empty", ".rec"]);
}

#[test]
fn an_unreadable_image_is_named() {
    let tree = OptMl::with_lists();
    fs::write(tree.channel("train").join("half/3.png"), "this is not a picture").unwrap();
    refused(&tree, &["half/3.png"]);
}

#[test]
fn a_truncated_image_is_named() {
    let tree = OptMl::with_lists();
    let bytes = image(1, 3);
    fs::write(tree.channel("train").join("half/3.png"), &bytes[..bytes.len() / 2]).unwrap();
    refused(&tree, &["half/3.png"]);
}

#[test]
fn a_listed_image_that_is_not_there_is_named() {
    let tree = OptMl::with_lists();
    fs::remove_file(tree.channel("validation").join("light/0.png")).unwrap();
    refused(&tree, &["light/0.png", "no such image"]);
}

#[test]
fn a_label_outside_the_classes_is_named_with_its_place_and_range() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("num_classes", "2")]);
    refused(&tree, &["label 2", "data.rec", "0 to 1"]);
}

#[test]
fn a_damaged_record_file_is_named_with_the_byte() {
    let tree = OptMl::with_records();
    let path = tree.channel("train").join("data.rec");
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes.truncate(length - 8);
    fs::write(&path, bytes).unwrap();
    refused(&tree, &["data.rec", "byte"]);
}

#[test]
fn a_broken_list_is_named_with_the_line() {
    let tree = OptMl::with_lists();
    fs::write(tree.channel("train_lst").join("train.lst"), "0\t0\tdark/0.png\n1 0 dark/1.png\n").unwrap();
    refused(&tree, &["train.lst", "line 2"]);
}

#[test]
fn what_cannot_be_frozen_or_divided_is_refused() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("freeze", "stage1")]);
    refused(&tree, &["freeze=stage1", "random", "'model'", "use_pretrained_model=1"]);
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("gradient_accumulation", "7")]);
    refused(&tree, &["gradient_accumulation is 7", "mini_batch_size, which is 6"]);
}

#[test]
fn a_host_that_does_not_come_is_named() {
    let tree = OptMl::with_records();
    tree.write(
        "input/config/resourceconfig.json",
        r#"{"current_host":"algo-1","hosts":["algo-2","algo-1"]}"#,
    );
    tree.hyperparameters(&[("rendezvous_seconds", "1")]);
    let told = tree.train();
    assert_eq!(told.code, 4, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.starts_with("InternalServerError: rank 1 (algo-2) did not come within 1 s"), "{failure}");
}

#[test]
fn a_failure_that_was_written_first_stays() {
    let tree = OptMl::with_records();
    fs::create_dir_all(tree.path("output")).unwrap();
    tree.write("output/failure", "ClientError: the first cause");
    tree.hyperparameters(&[("epochs", "0")]);
    assert_eq!(tree.train().code, 2);
    assert_eq!(tree.failure().unwrap(), "ClientError: the first cause");
}

#[test]
fn a_model_folder_without_parameters_is_refused_by_all_that_read_models() {
    let tree = crate::harness::trained();
    fs::remove_file(tree.path("model").join(tree.weights())).unwrap();
    let model = tree.path("model");
    let model = model.to_str().unwrap();
    let png = tree.channel("train").join("dark/0.png");
    let commands: [&[&str]; 3] = [
        &["predict", "--model", model, png.to_str().unwrap()],
        &["serve", "--model", model, "--port", "0", "--host", "127.0.0.1"],
        &["inspect", model],
    ];
    for command in commands {
        let told = run(command);
        assert_eq!(told.code, 2, "{command:?}: {}{}", told.out, told.err);
        assert!(told.err.contains("image-classification-NNNN.params"), "{command:?}: {}", told.err);
        assert!(told.err.contains("brazier.json"), "it does not say what is there: {}", told.err);
        assert!(!told.err.contains("panicked"), "{}", told.err);
    }
}

#[test]
fn a_tree_without_input_is_no_container() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let told = run(["train", "--prefix", missing.to_str().unwrap()]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("brazier train DATASET") && !missing.exists(), "{}", told.err);
}

#[test]
fn predict_answers_what_it_can_and_then_says_what_it_cannot() {
    let tree = crate::harness::trained();
    let (good, bad) = (tree.channel("train").join("dark/0.png"), tree.path("bad.png"));
    fs::write(&bad, "no picture").unwrap();
    let paths = [bad.to_str().unwrap(), "missing.png", good.to_str().unwrap()];
    let model = tree.path("model");
    let told = run(["predict", "--json", "--model", model.to_str().unwrap()].into_iter().chain(paths));
    assert_eq!((told.code, told.out.lines().count()), (2, 1), "{}{}", told.out, told.err);
    assert!(told.err.contains("bad.png"), "{}", told.err);
    says_it_once(&told.err);
}

#[test]
fn an_environment_that_cannot_be_is_the_users_fault() {
    let tree = crate::harness::trained();
    let model = tree.path("model");
    for (name, value) in
        [("SAGEMAKER_BIND_TO_PORT", "http"), ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")]
    {
        let mut command = crate::harness::brazier();
        command.args(["serve", "--host", "127.0.0.1", "--model"]).arg(&model).env(name, value);
        let told: crate::harness::Told = command.output().unwrap().into();
        assert_eq!(told.code, 2, "{name}: {}", told.err);
        assert!(told.err.contains(value), "{name}: {}", told.err);
    }
}

#[test]
fn wrong_command_lines_exit_with_64() {
    for command in [&[][..], &["trane"], &["train", "--epoch"], &["predict"], &["inspect"]] {
        let told = run(command);
        assert_eq!(told.code, 64, "{command:?}: {}", told.err);
        assert!(told.err.contains("Usage"), "{command:?}: {}", told.err);
    }
    assert_eq!(run(["--version"]).code, 0);
    let help = run(["train", "--help"]);
    assert_eq!(help.code, 0);
    for flag in ["--num-layers", "--lr-scheduler-step", "--seed", "--prefix"] {
        assert!(help.out.contains(flag), "no {flag} in the help");
    }
}

#[test]
fn a_folder_that_is_not_there_and_a_full_output_are_refused() {
    let told = run(["train", "no/such/folder"]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("no/such/folder"), "{}", told.err);
    let told = run(["train", "s3://Bucket/digits"]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("'Bucket' is not a bucket name"), "{}", told.err);
    let folder = tempfile::tempdir().unwrap();
    crate::harness::write_folders(&folder.path().join("data"), 2);
    fs::write(folder.path().join("precious"), "x").unwrap();
    let (data, output) = (folder.path().join("data"), folder.path().to_str().unwrap());
    let told = run(["train", data.to_str().unwrap(), "--output", output]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("is there already"), "{}", told.err);
}

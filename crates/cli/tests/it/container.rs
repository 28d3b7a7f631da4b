//! A job under a temporary `/opt/ml`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use regex::bytes::RegexBuilder;
use serde_json::Value;

use crate::harness::{CLASSES, OptMl, Told, brazier, run};

/// The messages of log lines, without their prefix, whose form is checked.
fn messages(told: &Told) -> Vec<&str> {
    told.out.lines().map(message).collect()
}

/// `[MM/DD/YYYY HH:MM:SS LEVEL THREAD] message`
fn message(line: &str) -> &str {
    let (prefix, message) = line.strip_prefix('[').and_then(|line| line.split_once("] ")).expect(line);
    let words: Vec<&str> = prefix.split(' ').collect();
    assert_eq!(words.len(), 4, "{line}");
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "9");
    assert_eq!((shape(words[0]), shape(words[1])), ("99/99/9999".into(), "99:99:99".into()), "{line}");
    assert!(["INFO", "WARNING", "ERROR"].contains(&words[2]), "{line}");
    assert_eq!(shape(words[3]), "9".repeat(15), "{line}");
    message
}

/// A line with its numbers replaced by `#`.
fn shape(message: &str) -> String {
    let mut shape = String::new();
    for c in message.chars() {
        match c {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            c => shape.push(c),
        }
    }
    shape
}

#[test]
fn records_train_and_the_log_reads_as_the_old_one() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("top_k", "2"), ("epochs", "1")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(tree.failure(), None);
    let messages = messages(&told);
    let at = |wanted: &str| {
        messages.iter().position(|message| message.contains(wanted)).unwrap_or_else(|| panic!("no {wanted}"))
    };
    let order = [
        "Reading default configuration from",
        "Merging with provided configuration from",
        "Final configuration: {",
        "Searching for .rec files in",
        "train: 24 records in data.rec",
        "train images per class: 0 8, 1 8, 2 8",
        "Performing random weight initialization",
        "---- Parameters ----",
        "num_layers: 20",
        "learning_rate: 0.05",
        "image_shape: 1,8,8",
        "kv_store: device",
        "top_k: 2",
        "checkpoint_frequency not set, will store the best model",
        "Setting number of threads: ",
    ]
    .map(at);
    assert!(order.is_sorted(), "{order:?}\n{}", told.out);

    let report = shape(&tree.path("output/data").display().to_string());
    // How many classes are confused after one epoch is a matter of luck.
    let whole = |message: &str| match message.starts_with("Most often taken: ") {
        true => "Most often taken: …".to_owned(),
        false => shape(message),
    };
    let epoch: Vec<String> = messages[order[14] + 1..].iter().map(|message| whole(message)).collect();
    let model = shape(&tree.path("model").display().to_string());
    let expected = [
        "Epoch[#] Train-accuracy=#.#",
        "Epoch[#] Train-top_k_accuracy_#=#.#",
        "Epoch[#] Time cost=#.#",
        "Epoch[#] Train-loss=#.#",
        "Epoch[#] Learning-rate=#e-#",
        "Epoch[#] Data-wait=#.#%",
        "Epoch[#] Validation-accuracy=#.#",
        "Epoch[#] Validation-loss=#.#",
        "Epoch[#] Validation-macro-f#=#.#",
        "Epoch[#] Validation-seconds=#.#",
        "Storing the best model with validation accuracy: #.#",
        &format!("Saved checkpoint to \"{model}/image-classification-#.params\""),
        "Class #: precision #.#, recall #.#, F# #.#, # images",
        "Class #: precision #.#, recall #.#, F# #.#, # images",
        "Class #: precision #.#, recall #.#, F# #.#, # images",
        "All classes alike: precision #.#, recall #.#, F# #.#",
        "Most often taken: …",
        &format!("Report: {report}/report.html"),
        "Best validation accuracy: #.# in epoch #",
    ];
    assert_eq!(epoch, expected);
}

#[test]
fn progress_is_told_every_twentieth_batch() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("num_training_samples", "123"), ("mini_batch_size", "3"), ("epochs", "1")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}", told.err);
    let lines: Vec<&str> =
        messages(&told).into_iter().filter(|message| message.contains("Batch [")).collect();
    // 123 samples make 41 batches, 0 to 40, although the channel holds 24 images.
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, batch) in lines.iter().zip([20, 40]) {
        assert!(line.starts_with(&format!("Epoch[0] Batch [{batch}]\tSpeed: ")), "{line}");
        assert_eq!(shape(line), "Epoch[#] Batch [#]\tSpeed: #.# samples/sec\taccuracy=#.#");
    }
    assert!(told.out.contains("num_training_samples is 123, but the train channel holds 24 images."));
}

/// Every expression finds its lines in a real log, as many as there should be, and each value is a number.
#[test]
fn metric_definitions_match_the_log() {
    let told = run(["train", "--metric-definitions"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let definitions: Value = serde_json::from_str(&told.out).unwrap();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let tree = OptMl::with_records();
    tree.hyperparameters(&[
        ("num_training_samples", "66"),
        ("mini_batch_size", "3"),
        ("epochs", "2"),
        ("top_k", "2"),
    ]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}", told.err);
    let values = |regex: &str| -> Vec<f64> {
        let regex = RegexBuilder::new(regex).unicode(false).build().unwrap();
        let found = told.out.lines().filter_map(|line| regex.captures(line.as_bytes()));
        found.map(|found| str::from_utf8(&found[1]).unwrap().parse().unwrap()).collect()
    };
    for definition in definitions.as_array().unwrap() {
        let (name, regex) = (definition["Name"].as_str().unwrap(), definition["Regex"].as_str().unwrap());
        // Two epochs of 22 batches: each tells its progress once.
        assert_eq!(values(regex).len(), 2, "{name}: {regex}\n{}", told.out);
        assert!(readme.contains(&definition.to_string()), "README lacks {definition}");
    }
    // Further forms that notebooks have.
    for (regex, count) in [
        (r"Epoch\[\d+\] Validation-accuracy=([0-9.]+)", 2),
        (r"Storing the best model with validation accuracy: ([0-9.]+)", 1),
    ] {
        assert!(values(regex).len() >= count, "{regex}\n{}", told.out);
    }
}

#[test]
fn a_diverged_job_says_so_once_and_reports_numbers() {
    let tree = OptMl::with_records();
    // With a decay of 1 the correction of adam's bias divides by zero.
    tree.hyperparameters(&[("optimizer", "adam"), ("beta_1", "1"), ("epochs", "3")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(told.out.matches("training diverged").count(), 1, "{}", told.out);
    assert_eq!(told.out.matches(" Validation-accuracy=0.").count(), 3, "{}", told.out);
    assert!(!told.out.to_lowercase().contains("=nan"), "{}", told.out);
    assert_eq!(tree.model_files().len(), 4);
}

#[test]
fn listed_images_train_to_an_artifact_that_names_its_classes() {
    let tree = OptMl::with_lists();
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Searching for .lst files in"), "{}", told.out);
    let fixed = ["brazier.json", "image-classification-symbol.json", "model-shapes.json"];
    let weights = tree.weights();
    let mut expected: Vec<&str> = fixed.into_iter().chain([weights.as_str()]).collect();
    expected.sort_unstable();
    assert_eq!(tree.model_files(), expected);
    let shapes = fs::read_to_string(tree.path("model/model-shapes.json")).unwrap();
    assert_eq!(shapes, r#"[{"shape": [6, 1, 8, 8], "name": "data"}]"#);
    let metadata: Value =
        serde_json::from_slice(&fs::read(tree.path("model/brazier.json")).unwrap()).unwrap();
    assert_eq!(metadata["class_names"], serde_json::json!(CLASSES));
    assert_eq!(metadata["hyperparameters"]["mini_batch_size"], "6");
    assert!(metadata["metrics"]["validation:accuracy"].is_f64(), "{metadata}");
    assert_eq!(metadata["preprocessing"]["fit"], "center_crop");
}

#[test]
fn a_seed_repeats_a_run_bit_for_bit_and_another_seed_does_not() {
    let weights = |seed: &str| {
        let tree = OptMl::with_records();
        tree.hyperparameters(&[("seed", seed), ("checkpoint_frequency", "2")]);
        assert_eq!(tree.train().code, 0);
        fs::read(tree.path("model").join(tree.weights())).unwrap()
    };
    let (one, again, other) = (weights("7"), weights("7"), weights("8"));
    assert!(one == again, "the same seed gave other weights");
    assert!(one != other, "another seed gave the same weights");
}

#[test]
fn periodic_weights_include_the_last_epoch_and_an_earlier_runs_are_gone() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("epochs", "3"), ("checkpoint_frequency", "2")]);
    fs::create_dir_all(tree.path("model")).unwrap();
    tree.write("model/image-classification-0009.params", "left by an earlier run");
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let weights: Vec<String> =
        tree.model_files().into_iter().filter(|name| name.ends_with(".params")).collect();
    assert_eq!(weights, ["image-classification-0002.params", "image-classification-0003.params"]);
}

#[test]
fn both_forms_of_a_channel_give_the_same_weights() {
    let weights = |tree: OptMl| {
        assert_eq!(tree.train().code, 0);
        fs::read(tree.path("model").join(tree.weights())).unwrap()
    };
    // The same images in the same order, once in a .rec and once as files with a .lst.
    assert!(weights(OptMl::with_records()) == weights(OptMl::with_lists()));
}

#[test]
fn flags_go_before_the_hyperparameter_file_and_dialects_are_read() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[
        ("epochs", "\"3\""),
        ("learning_rate", "5e-2"),
        ("image_shape", "1, 8, 8"),
        ("early_stopping", "False"),
        ("_tuning_objective_metric", "validation:accuracy"),
        ("sagemaker_program", "x"),
    ]);
    let prefix = tree.0.path().to_str().unwrap();
    let told = run(["train", "--prefix", prefix, "--epochs", "1"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Epoch[0]") && !told.out.contains("Epoch[1]"), "{}", told.out);
}

#[test]
fn sigterm_ends_the_job_with_a_whole_model_and_exit_code_0() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("epochs", "100000")]);
    let mut job = brazier()
        .args(["train", "--prefix"])
        .arg(tree.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(job.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Saved checkpoint") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the job ended by itself");
    }
    // The shell's own kill: process ids are the system's business.
    let sent = Command::new("kill").args(["-TERM", &job.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let drained: Vec<String> = log.lines().map(Result::unwrap).collect();
    let told: Told = job.wait_with_output().unwrap().into();
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(drained.last().unwrap().contains("Stopped by a signal"), "{drained:?}");
    assert_eq!(tree.failure(), None);
    assert_eq!(tree.model_files().len(), 4);
}

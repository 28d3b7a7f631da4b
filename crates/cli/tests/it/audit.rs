//! `audit` of a sound data set and of one with every kind of fault.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::Writer;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::{CLASSES, Told, image, run, write_folders};

fn audit(path: &Path, flags: &[&str]) -> Told {
    run(["audit", path.to_str().unwrap()].into_iter().chain(flags.iter().copied()))
}

fn kinds(findings: &Value) -> BTreeSet<&str> {
    findings.as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

#[test]
fn the_digits_are_sound() {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/mnist");
    let told = audit(&digits, &["--json"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&report["num_training_samples"], &report["num_classes"]), (&json!(4000), &json!(10)));
    assert_eq!(report["channels"]["validation"]["samples"], 1000);
    assert_eq!(report["channels"]["train"]["formats"], json!({ "png": 4000 }));
    let counts = report["channels"]["train"]["classes"].as_array().unwrap();
    assert!(counts.len() == 10 && counts.iter().all(|class| class["samples"] == 400), "{counts:?}");
    for list in ["leaks", "errors", "warnings"] {
        assert_eq!(report[list], json!([]));
    }

    let told = audit(&digits, &[]);
    let last = told.out.lines().last().unwrap();
    assert!(
        last.starts_with("sound") && last.ends_with("num_training_samples=4000 num_classes=10"),
        "{last}"
    );
    // No terminal, no bar.
    assert!(told.err.is_empty() && !told.out.contains(['\r', '\u{1b}']), "{}", told.err);
}

#[test]
fn every_kind_of_fault_is_told_at_once() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    write_folders(&data.join("train"), 4);
    let train = |name: &str, bytes: &[u8]| fs::write(data.join("train").join(name), bytes).unwrap();
    train("broken.png", &image(0, 9)[..50]);
    train("empty.png", b"");
    train("again.png", &image(0, 1));
    fs::create_dir_all(data.join("train_lst")).unwrap();
    let listed: String = (0..4)
        .flat_map(|number| {
            CLASSES.iter().zip(0..).map(move |(class, label)| format!("9\t{label}\t{class}/{number}.png\n"))
        })
        .collect();
    let bad = "9\t1\tbroken.png\n9\t1\tempty.png\n9\t1\tagain.png\n9\t1\tgone.png\n9\t1\t/etc/hosts\nno line\n\
               9\t1.5\tlight/1.png\n9\t0\tdark/3.png\n";
    fs::write(data.join("train_lst/train.lst"), listed + bad).unwrap();

    let mut writer = Writer::new(Vec::new());
    let offsets: Vec<u64> = [(0.0, image(0, 2)), (7.0, image(1, 30)), (1.0, image(1, 31))]
        .iter()
        .map(|(label, image)| writer.write(&ImageRecord::single(*label, 0, image).encode()).unwrap())
        .collect();
    let mut bytes = writer.into_inner();
    bytes[offsets[2] as usize] = 0;
    fs::create_dir_all(data.join("validation")).unwrap();
    fs::write(data.join("validation/validation.rec"), bytes).unwrap();

    let told = audit(&data, &["--json", "--num-classes", "3", "--image-shape", "1,28,28"]);
    assert_eq!(told.code, 1, "{}{}", told.out, told.err);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    let expected = ["conflict", "empty", "image", "label", "leak", "list", "missing", "outside", "record"];
    assert_eq!(kinds(&report["errors"]), BTreeSet::from(expected));
    assert_eq!(kinds(&report["warnings"]), BTreeSet::from(["duplicate", "missing_class", "small"]));
    let damaged = report["channels"]["train"]["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 5, "{damaged:?}");
    let wrong = &report["channels"]["validation"]["labels"][0];
    assert_eq!(wrong["reason"], "label 7 is out of range, expected 0 to 2");
    let place = format!("validation.rec, byte {}", offsets[2]);
    assert_eq!(report["channels"]["validation"]["damaged"][0]["origin"], json!(place));
    assert_eq!(report["leaks"][0]["train"][0]["origin"], "dark/2.png (train.lst line 7)");
    assert_eq!(report["num_training_samples"], 14);

    let told = audit(&data, &[]);
    assert_eq!(told.code, 1);
    let last = told.out.lines().last().unwrap();
    assert!(last.starts_with("not fit for training: ") && last.contains("num_training_samples=14"), "{last}");
    assert!(told.out.contains(&place) && told.out.contains("/etc/hosts"), "{}", told.out);
}

#[test]
fn channels_and_lists_can_be_named() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_folders(&path("images"), 2);
    write_folders(&path("held-out"), 1);
    fs::create_dir_all(path("lists")).unwrap();
    fs::write(path("lists/some.lst"), "0\t0\tdark/1.png\n1\t1\thalf/1.png\n2\t2\tlight/1.png\n").unwrap();
    let (lists, held_out) = (path("lists"), path("held-out"));
    let flags = ["--lists", lists.to_str().unwrap(), "--validation", held_out.to_str().unwrap(), "--json"];
    let told = audit(&path("images"), &flags);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(report["channels"]["train"]["source"], "3 images listed in some.lst");
    assert_eq!(report["channels"]["validation"]["samples"], 3);
    // Without the lists the channels share an image of each class.
    let told = audit(&path("images"), &flags[2..]);
    assert_eq!(told.code, 1);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(report["leaks"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_no_channel_is_refused() {
    let folder = tempdir().unwrap();
    let told = audit(&folder.path().join("missing"), &[]);
    assert_eq!(told.code, 2, "{}", told.err);
    let told = audit(folder.path(), &[]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("is empty"), "{}", told.err);
}

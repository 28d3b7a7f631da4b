//! `im2rec`: folders of images to lists, lists to record files, which train.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::{CLASSES, Told, run, write_folders};

/// Runs `im2rec` with these options on `folder/images`, lists beginning with `folder/data`.
fn im2rec(folder: &Path, options: &[&str]) -> Told {
    let (prefix, root) = (folder.join("data"), folder.join("images"));
    let paths = [prefix.to_str().unwrap(), root.to_str().unwrap()];
    run(["im2rec"].iter().chain(options).chain(&paths))
}

fn inspect(path: &Path, options: &[&str]) -> Vec<Value> {
    let told = run(["inspect", path.to_str().unwrap(), "--json"].iter().chain(options));
    assert_eq!(told.code, 0, "{}", told.err);
    told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn folders_become_lists_and_lists_become_records_that_train() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_folders(&at("images"), 8);
    let told = im2rec(folder.path(), &["--list", "--recursive", "--train-ratio", "0.75"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let classes: Vec<String> =
        CLASSES.iter().enumerate().map(|(number, class)| format!("{class} {number}")).collect();
    assert!(told.out.starts_with(&classes.join("\n")), "{}", told.out);
    assert!(
        told.out.contains("data_train.lst: 18 images") && told.out.contains("data_val.lst: 6 images"),
        "{}",
        told.out
    );

    let told = im2rec(folder.path(), &["--pass-through"]);
    assert_eq!(told.code, 0, "{}", told.err);
    // No terminal, no bar.
    assert!(told.err.is_empty(), "{}", told.err);
    assert!(told.out.contains("data_train.rec: 18 records"), "{}", told.out);
    let list = fs::read_to_string(at("data_train.lst")).unwrap();
    let records = inspect(&at("data_train.rec"), &[]);
    assert_eq!((records.len(), list.lines().count()), (18, 18));
    for (record, line) in records.iter().zip(list.lines()) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(record["id"].to_string(), fields[0]);
        assert_eq!(record["label"][0].as_f64().unwrap(), fields[1].parse::<f64>().unwrap());
        let class = record["label"][0].as_f64().unwrap() as usize;
        assert!(fields[2].starts_with(CLASSES[class]), "{line}");
        assert_eq!(record["bytes"], fs::metadata(at("images").join(fields[2])).unwrap().len());
    }
    let index = fs::read_to_string(at("data_train.idx")).unwrap();
    let offsets: Vec<&str> = index.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(offsets, records.iter().map(|record| record["offset"].to_string()).collect::<Vec<_>>());

    let parts: Vec<Value> =
        (0..3).flat_map(|part| inspect(&at("data_train.rec"), &["--part", &format!("{part}/3")])).collect();
    assert_eq!(parts, records);
    assert_eq!(run(["inspect", at("data_train.rec").to_str().unwrap(), "--part", "3/3"]).code, 64);

    fs::create_dir_all(at("set/train")).unwrap();
    fs::rename(at("data_train.rec"), at("set/train/train.rec")).unwrap();
    let output = at("out");
    let told =
        run(["train", at("set").to_str().unwrap(), "--epochs", "1", "--output", output.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn images_are_resized_and_encoded_as_asked() {
    let folder = tempdir().unwrap();
    write_folders(&folder.path().join("images"), 2);
    assert_eq!(im2rec(folder.path(), &["--list", "--recursive", "--no-shuffle"]).code, 0);
    for (options, format, side) in [
        (&["--resize", "12"][..], "jpeg", 12),
        (&["--resize", "5", "--encoding", ".png", "--color", "0", "--num-thread", "2"], "png", 5),
        (&[], "jpeg", 8),
    ] {
        assert_eq!(im2rec(folder.path(), options).code, 0);
        let records = inspect(&folder.path().join("data.rec"), &[]);
        assert_eq!(records.len(), 6);
        assert!(
            records.iter().all(|record| record["format"] == format && record["width"] == side),
            "{options:?}"
        );
        let labels: Vec<f64> = records.iter().map(|record| record["label"][0].as_f64().unwrap()).collect();
        assert_eq!(labels, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    }
}

#[test]
fn what_cannot_be_packed_is_named_and_the_rest_is_packed() {
    let folder = tempdir().unwrap();
    write_folders(&folder.path().join("images"), 2);
    fs::write(folder.path().join("images/half/0.png"), "no image").unwrap();
    let none = im2rec(folder.path(), &[]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("--list makes one"), "{}", none.err);
    assert_eq!(im2rec(folder.path(), &["--list", "--recursive"]).code, 0);
    let told = im2rec(folder.path(), &[]);
    assert_eq!(told.code, 2);
    assert!(told.err.starts_with("half/0.png: unknown image format"), "{}", told.err);
    assert!(
        told.err.contains("1 images could not be packed; the record files hold the others"),
        "{}",
        told.err
    );
    assert_eq!(inspect(&folder.path().join("data.rec"), &[]).len(), 5);
    let quality = im2rec(folder.path(), &["--quality", "0"]);
    assert_eq!(quality.code, 2);
    assert!(quality.err.contains("quality is 0, expected 1 to 100"), "{}", quality.err);
}

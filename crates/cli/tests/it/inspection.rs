//! `inspect` of every format.

use std::fs;

use brazier_checkpoint::archive::{Limits, open, pack};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{CLASSES, OptMl, Told, image, list, run, trained, write_records};

fn inspect(path: &std::path::Path, flags: &[&str]) -> Told {
    let path = path.to_str().unwrap();
    run(["inspect", path].into_iter().chain(flags.iter().copied()))
}

fn lines(told: &Told) -> Vec<Value> {
    assert_eq!(told.code, 0, "{}", told.err);
    told.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn records_are_listed_with_what_their_images_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.rec");
    write_records(&path, 2);
    let records = lines(&inspect(&path, &["--json"]));
    assert_eq!(records.len(), 6);
    let image = image(1, 1);
    let offset = records[4]["offset"].as_u64().unwrap();
    let expected = json!({
        "offset": offset, "id": 1, "flag": 0, "label": [1.0], "bytes": image.len(), "sha256": sha256(&image),
        "format": "png", "width": 8, "height": 8,
    });
    assert_eq!(records[4], expected);
    assert_eq!(records[0]["offset"], 0);

    let raw = lines(&inspect(&path, &["--json", "--raw"]));
    let bytes = fs::read(&path).unwrap();
    let payload = &bytes[offset as usize + 8..offset as usize + 8 + 24 + image.len()];
    assert_eq!(raw[4], json!({ "offset": offset, "bytes": payload.len(), "sha256": sha256(payload) }));

    let text = inspect(&path, &[]).out;
    assert!(text.contains("6 records") && text.contains("png 8x8: 6"), "{text}");
}

#[test]
fn a_damaged_record_file_shows_what_comes_before_and_names_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.rec");
    write_records(&path, 2);
    let mut bytes = fs::read(&path).unwrap();
    let second = lines(&inspect(&path, &["--json"]))[1]["offset"].as_u64().unwrap() as usize;
    bytes[second] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let told = inspect(&path, &["--json"]);
    assert_eq!((told.code, told.out.lines().count()), (2, 1), "{}{}", told.out, told.err);
    assert!(told.err.contains("data.rec") && told.err.contains(&second.to_string()), "{}", told.err);
}

#[test]
fn lists_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.lst");
    fs::write(&path, list(2)).unwrap();
    let entries = lines(&inspect(&path, &["--json"]));
    assert_eq!(entries.len(), 6);
    assert_eq!(entries[1], json!({ "index": 1, "label": [1.0], "path": "half/0.png" }));
    assert!(inspect(&path, &[]).out.contains("6 images, 3 different labels"));
}

#[test]
fn weights_graph_and_archive_are_read() {
    let tree = trained();
    let weights = tree.path("model").join(tree.weights());
    let tensors = lines(&inspect(&weights, &["--json"]));
    assert_eq!(tensors.len(), 64 + 40, "ResNet-20 has 64 learned and 40 moving tensors");
    let conv0 = tensors.iter().find(|tensor| tensor["name"] == "arg:conv0_weight").unwrap();
    assert_eq!((&conv0["dtype"], &conv0["shape"]), (&json!("float32"), &json!([16, 1, 3, 3])));
    // The array's data stands in the file as it is.
    let bytes = fs::read(&weights).unwrap();
    let digest = conv0["sha256"].as_str().unwrap();
    assert!(bytes.windows(16 * 9 * 4).any(|window| sha256(window) == digest));

    let nodes = lines(&inspect(&tree.path("model/image-classification-symbol.json"), &["--json"]));
    assert_eq!(nodes[0]["name"], "data");
    assert_eq!(nodes.last().unwrap()["inputs"], json!(["fc1", "softmax_label"]));
    let text = inspect(&tree.path("model/image-classification-symbol.json"), &[]).out;
    assert!(text.contains("a ResNet-20 with 3 classes"), "{text}");

    let packed = tree.path("model.tar.gz");
    pack(&open(&tree.path("model"), &Limits::default()).unwrap(), &packed).unwrap();
    assert_eq!(lines(&inspect(&packed, &["--json"])), tensors);
    let text = inspect(&packed, &[]).out;
    assert!(text.contains("ResNet-20, images of 1,8,8, 3 classes"), "{text}");
    assert!(text.contains(&CLASSES.join(", ")) && text.contains("validation:accuracy"), "{text}");
}

#[test]
fn foreign_and_missing_files_are_refused() {
    let tree = OptMl::new(&[]);
    tree.write("notes.txt", "hello");
    tree.write("broken.params", "hello");
    tree.write("broken-symbol.json", "{");
    for (name, word) in [
        ("notes.txt", "expected .rec"),
        ("broken.params", "broken.params"),
        ("broken-symbol.json", "broken-symbol.json"),
        ("missing.rec", "missing.rec"),
    ] {
        let told = inspect(&tree.path(name), &[]);
        assert_eq!(told.code, 2, "{name}: {}{}", told.out, told.err);
        assert!(told.err.contains(word), "{name}: {}", told.err);
    }
}

#[test]
fn a_checkpoint_shows_where_its_run_stood() {
    let tree = OptMl::with_records();
    fs::create_dir_all(tree.path("checkpoints")).unwrap();
    assert_eq!(tree.train().code, 0);
    let entries = fs::read_dir(tree.path("checkpoints")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "checkpoint"));
    files.sort();
    let newest = files.pop().unwrap();
    let told = inspect(&newest, &[]);
    assert_eq!(told.code, 0, "{}", told.err);
    for words in [
        "network                  ResNet-20",
        "epoch                    2, 0 steps done",
        "weights ",
        "whole, ",
    ] {
        assert!(told.out.contains(words), "no {words} in\n{}", told.out);
    }
    let sections = lines(&inspect(&newest, &["--json"]));
    let find = |name: &str| sections.iter().find(|section| section["name"] == name).unwrap();
    // Ten classes of 64 features would be 2560 bytes: here there are three classes.
    assert_eq!(find("network/arg:fc1_weight")["bytes"], 3 * 64 * 4);
    assert_eq!(find("moment0/fc1_weight")["bytes"], 3 * 64 * 4);
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 1]).unwrap();
    let told = inspect(&newest, &[]);
    assert!(told.code == 2 && told.err.contains("its header says"), "{}", told.err);
}

//! What stops the whole run, and how it is named.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use brazier_data::im2rec::{ListOptions, PackOptions, list, pack};

use crate::write;

#[test]
fn options_without_sense() {
    let refusal = |options: ListOptions| {
        list(Path::new("/nowhere/x"), Path::new("/nowhere"), &options).unwrap_err().to_string()
    };
    let default = ListOptions::default;
    assert_eq!(refusal(ListOptions { train_ratio: 1.5, ..default() }), "train-ratio is 1.5, expected 0 to 1");
    assert_eq!(
        refusal(ListOptions { test_ratio: f64::NAN, ..default() }),
        "test-ratio is NaN, expected 0 to 1"
    );
    assert_eq!(refusal(ListOptions { chunks: 0, ..default() }), "chunks is 0, expected 1 or more");
    assert!(refusal(default()).starts_with("cannot read /nowhere: "), "{}", refusal(default()));
    let options = PackOptions { quality: 0, ..PackOptions::default() };
    let refusal = pack(Path::new("/nowhere/x.lst"), Path::new("/nowhere"), &options, &|_, _| {}).unwrap_err();
    assert_eq!(refusal.to_string(), "quality is 0, expected 1 to 100");
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("images/a.png"), "");
    let images = folder.path().join("images");
    let error = list(&folder.path().join("missing/x"), &images, &ListOptions::default()).unwrap_err();
    assert!(error.to_string().contains("cannot write "), "{error}");
    assert!(error.to_string().contains("missing/x.lst: "), "{error}");
    let list = folder.path().join("x.lst");
    let error = pack(&list, &images, &PackOptions::default(), &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("x.lst: "), "{error}");
    // A folder stands where the record file should be.
    write(&list, "0\t0\ta.png\n");
    fs::create_dir(folder.path().join("x.rec")).unwrap();
    let error = pack(&list, &images, &PackOptions::default(), &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("cannot write "), "{error}");
}

#[test]
fn names_that_a_list_cannot_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (images, prefix) = (folder.path().join("images"), folder.path().join("x"));
    write(images.join("a\tb.png"), "");
    let error = list(&prefix, &images, &ListOptions::default()).unwrap_err();
    assert!(error.to_string().contains("x.lst: list entry 0 cannot be written"), "{error}");
    fs::remove_file(images.join("a\tb.png")).unwrap();
    write(images.join(std::ffi::OsStr::from_bytes(b"\xff.txt")), "");
    assert_eq!(list(&prefix, &images, &ListOptions::default()).unwrap().images, 0);
    write(images.join(std::ffi::OsStr::from_bytes(b"\xff.png")), "");
    let error = list(&prefix, &images, &ListOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("is not UTF-8: a list cannot hold it"), "{error}");
}

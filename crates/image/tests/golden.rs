//! Decoding and resizing against OpenCV, which MXNet uses; `golden/make.py` made the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use std::path::{Path, PathBuf};

use brazier_image::{Limits, Pixels, decode, probe, resize};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden(section: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("golden.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all[section].as_array().unwrap().clone()
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap() as u32
}

/// Panics when the size differs or some byte is further off than `allowed`.
fn assert_close(pixels: &Pixels, size: &Value, bytes: &Value, allowed: u32, case: &str) {
    assert_eq!((pixels.height(), pixels.width()), (number(&size[0]), number(&size[1])), "{case}");
    let expected: Vec<u8> = serde_json::from_value(bytes.clone()).unwrap();
    assert_eq!(pixels.data().len(), expected.len(), "{case}");
    let worst = pixels.data().iter().zip(&expected).map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap();
    assert!(worst <= allowed, "{case}: differs by {worst}, allowed {allowed}");
}

#[test]
fn every_kind_of_file_decodes_as_in_opencv() {
    let cases = golden("decoded");
    assert_eq!(cases.len(), 43);
    for case in cases {
        let (name, channels) = (case[0].as_str().unwrap(), number(&case[1]));
        let pixels = decode(&read(name), channels, &Limits::default()).unwrap();
        assert_eq!(pixels.channels(), channels);
        assert_close(&pixels, &case[2], &case[3], number(&case[4]), &format!("{name} to {channels}"));
    }
}

#[test]
fn bilinear_resizing_is_that_of_opencv() {
    let cases = golden("resized");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (name, size) = (case[0].as_str().unwrap(), &case[1]);
        let channels = if name == "grey.png" { 1 } else { 3 };
        let pixels = decode(&read(name), channels, &Limits::default()).unwrap();
        let resized = resize::exact(pixels, number(&size[1]), number(&size[0]), &Limits::default()).unwrap();
        assert_close(&resized, size, &case[2], 0, &format!("{name} to {size}"));
    }
}

#[test]
fn probing_reads_format_and_stored_size() {
    let files = ["rgb.png", "orientation6.jpg", "animated.gif", "rgb.webp", "rgb.bmp", "rgb.tiff"];
    let found = files.map(|name| probe(&read(name)).unwrap());
    assert_eq!(found.map(|probe| probe.format.name()), ["png", "jpeg", "gif", "webp", "bmp", "tiff"]);
    assert!(found.iter().all(|probe| (probe.width, probe.height) == (16, 12)));
}

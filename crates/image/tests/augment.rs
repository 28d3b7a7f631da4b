//! Warp and colours against OpenCV 4.5.5; `golden/augment.py` made the file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use brazier_image::affine::{Distortion, Warp};
use brazier_image::color::{self, Offsets};
use brazier_image::{Limits, Pixels, decode};
use serde_json::Value;

fn golden(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("golden/augment.json")).unwrap();
    all[section].as_array().unwrap().clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::from_value(value.clone()).unwrap()
}

fn image(name: &str) -> Pixels {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let channels = if name == "grey.png" { 1 } else { 3 };
    decode(&std::fs::read(path).unwrap(), channels, &Limits::default()).unwrap()
}

#[test]
fn a_warp_is_that_of_opencv() {
    let cases = golden("warped");
    assert_eq!(cases.len(), 10);
    for case in cases {
        let pixels = image(case[0].as_str().unwrap());
        let number = |at: usize| case[at].as_f64().unwrap();
        let distortion =
            Distortion { shear: number(1) as f32, degrees: number(2) as i32, aspect: number(3) as f32 };
        let mut out = vec![0; pixels.data().len()];
        let whole = pixels.size().whole();
        Warp::new(pixels.size(), distortion).window(&pixels, whole, whole, false, &mut out).unwrap();
        assert_eq!(out, bytes(&case[4]), "{distortion:?} of {}", case[0]);
    }
}

#[test]
fn shifted_colours_are_those_of_opencv() {
    let cases = golden("shifted");
    assert_eq!(cases.len(), 5);
    for case in cases {
        let number = |at: usize| case[at].as_i64().unwrap() as i32;
        let offsets = Offsets { hue: number(0), lightness: number(1), saturation: number(2) };
        let mut pixels = image("rgb.png").into_data();
        color::shift(&mut pixels, 3, offsets);
        assert_eq!(pixels, bytes(&case[3]), "{offsets:?}");
    }
}

#[test]
fn grey_has_lightness_only() {
    let mut pixels = [0, 100, 250];
    color::shift(&mut pixels, 1, Offsets { hue: 36, lightness: 20, saturation: 50 });
    assert_eq!(pixels, [20, 120, 255]);
    color::shift(&mut pixels, 1, Offsets { lightness: -130, ..Offsets::default() });
    assert_eq!(pixels, [0, 0, 125]);
}

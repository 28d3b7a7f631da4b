//! Every corner of the formats against OpenCV 5.0.0; `golden/formats.py` made the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use std::collections::BTreeMap;
use std::path::Path;

use brazier_image::{ImageError, Limits, Pixels, decode};
use serde_json::Value;

/// Grey levels by which files may differ from OpenCV; none, where nothing is said.
const ALLOWED: [(&str, u8); 6] = [
    // Our general decoder has another inverse transform and another conversion from CMYK.
    ("cmyk.jpg", 2),
    ("cmyk_plain.jpg", 2),
    ("ycck.jpg", 2),
    ("progressive.jpg", 2),
    // OpenCV 5 makes the frames of an animation grey by other weights than a single PNG.
    ("animated.png", 1),
    // libpng makes 16 bits grey before it makes them 8.
    ("rgba16.png", 1),
];

/// Files of which OpenCV makes something else, or nothing. See the tests below.
const OURS: [&str; 8] = [
    "alpha.tiff",
    "float.tiff",
    "float_rgb.tiff",
    "palette.tiff",
    "p5_15.pgm",
    "rgb.qoi",
    "rgba.qoi",
    // OpenCV shows the background where no pixel is; the pixels there are no matter of ours.
    "transparent.gif",
];

fn read(name: &str, channels: u32) -> Result<Pixels, ImageError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats").join(name);
    decode(&std::fs::read(path).unwrap(), channels, &Limits::default())
}

/// What OpenCV makes of each file and number of channels: rows, columns and bytes.
fn golden() -> BTreeMap<(String, u32), (u32, u32, Vec<u8>)> {
    let cases: Vec<(String, u32, Value, Value)> =
        serde_json::from_str(include_str!("golden/formats.json")).unwrap();
    let known = cases.into_iter().filter(|case| !case.2.is_null());
    known
        .map(|(name, channels, size, bytes)| {
            let (rows, columns) = serde_json::from_value(size).unwrap();
            ((name, channels), (rows, columns, serde_json::from_value(bytes).unwrap()))
        })
        .collect()
}

#[test]
fn files_decode_as_in_opencv() {
    let golden = golden();
    let compared = golden.iter().filter(|((name, _), _)| !OURS.contains(&name.as_str()));
    let mut count = 0;
    for ((name, channels), (rows, columns, bytes)) in compared {
        let pixels = read(name, *channels).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((pixels.height(), pixels.width()), (*rows, *columns), "{name}");
        let allowed = ALLOWED.iter().find(|(file, _)| file == name).map_or(0, |(_, levels)| *levels);
        let worst = pixels.data().iter().zip(bytes).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= allowed, "{name} to {channels}: differs by {worst}, allowed {allowed}");
        count += 1;
    }
    assert_eq!(count, 68);
}

#[test]
fn qoi_and_tiff_with_alpha_keep_their_colours() {
    let golden = golden();
    for channels in [1, 3] {
        // The same pixels as BMP and PNG.
        let (_, _, rgb) = &golden[&("alpha.bmp".to_owned(), channels)];
        for name in ["rgb.qoi", "rgba.qoi", "alpha.tiff"] {
            assert_eq!(read(name, channels).unwrap().data(), rgb, "{name}");
        }
    }
    let (_, _, rgb) = &golden[&("interlaced.png".to_owned(), 3)];
    assert_eq!(read("float_rgb.tiff", 3).unwrap().data(), rgb);
}

#[test]
fn the_greatest_value_of_a_graymap_is_white() {
    let (_, _, values) = &golden()[&("p5_15.pgm".to_owned(), 1)];
    let scaled: Vec<u8> = values.iter().map(|value| value * 17).collect();
    assert_eq!(read("p5_15.pgm", 1).unwrap().data(), scaled);
}

#[test]
fn what_is_not_supported_says_so() {
    for name in ["float.tiff", "palette.tiff"] {
        let error = read(name, 3).unwrap_err().to_string();
        assert!(error.starts_with("cannot decode the tiff image: The "), "{error}");
        assert!(error.contains("not support"), "{error}");
    }
}

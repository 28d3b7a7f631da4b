//! Our JPEG decoder against libjpeg-turbo, exactly; `golden/jpeg/make.py` made the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use brazier_image::jpeg::{Jpeg, Scale};
use brazier_image::{Pixels, Region};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/jpeg")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// File, scale in eighths, and what is expected in grey and in RGB.
fn golden() -> BTreeMap<String, BTreeMap<u32, [String; 2]>> {
    serde_json::from_str(&std::fs::read_to_string(folder().join("golden.json")).unwrap()).unwrap()
}

/// Rows x columns and the first 16 digits of the SHA-256.
fn digest(pixels: &Pixels) -> String {
    let digest = Sha256::digest(pixels.data());
    let start: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}x{} {start}", pixels.height(), pixels.width())
}

fn whole(jpeg: &Jpeg, channels: u32) -> Pixels {
    jpeg.decode(channels, Region::whole(jpeg.width(), jpeg.height())).unwrap()
}

/// What `region` of `pixels` holds.
fn cut(pixels: &Pixels, region: Region) -> Vec<u8> {
    let channels = pixels.channels() as usize;
    let row = pixels.width() as usize * channels;
    let start = region.left as usize * channels;
    let rows = pixels.data().chunks(row).skip(region.top as usize).take(region.height as usize);
    rows.flat_map(|row| &row[start..start + region.width as usize * channels]).copied().collect()
}

/// Names the files whose pixels differ, if any.
fn compare(scale: Scale, eighths: u32) {
    let cases = golden();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for (name, scales) in cases {
        let encoded = read(&name);
        let jpeg = Jpeg::parse(&encoded).unwrap_or_else(|| panic!("{name}"));
        let (width, height) = jpeg.size(scale);
        for (channels, expected) in [1, 3].into_iter().zip(&scales[&eighths]) {
            let found = digest(&jpeg.decode_scaled(channels, scale, Region::whole(width, height)).unwrap());
            if found != *expected {
                wrong.push(format!("{name} with {channels} channels: {found}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_decodes_to_the_pixels_of_libjpeg_turbo() {
    compare(Scale::Full, 8);
}

#[test]
fn half_size_is_that_of_libjpeg_turbo() {
    compare(Scale::Half, 4);
}

#[test]
fn quarter_size_is_that_of_libjpeg_turbo() {
    compare(Scale::Quarter, 2);
}

#[test]
fn eighth_size_is_that_of_libjpeg_turbo() {
    compare(Scale::Eighth, 1);
}

#[test]
fn other_kinds_are_left_to_the_general_decoder() {
    let kinds = ["progressive", "cmyk", "twelve-bit", "arithmetic", "no-height"];
    for kind in kinds {
        assert!(Jpeg::parse(&read(&format!("other-{kind}.jpg"))).is_none(), "{kind}");
    }
}

#[test]
fn orientation_is_read_and_not_applied() {
    let turned = std::fs::read(folder().parent().unwrap().join("orientation6.jpg")).unwrap();
    let jpeg = Jpeg::parse(&turned).unwrap();
    assert_eq!((jpeg.orientation(), jpeg.width(), jpeg.height()), (6, 16, 12));
    assert_eq!(Jpeg::parse(&read("long.jpg")).unwrap().orientation(), 1);
}

#[test]
fn a_region_outside_the_image_is_an_error() {
    let encoded = read("420-35x51.jpg");
    let jpeg = Jpeg::parse(&encoded).unwrap();
    for (left, top, width, height) in [(0, 0, 36, 1), (35, 0, 1, 1), (0, 0, 0, 1), (1, 50, 1, u32::MAX)] {
        assert!(jpeg.decode(3, Region { left, top, width, height }).is_err());
    }
    assert!(jpeg.decode(2, Region::whole(35, 51)).is_err());
}

/// A row of units, a column, corners and single pixels, for every sampling.
#[test]
fn every_region_of_a_small_image_is_the_cut_of_the_whole() {
    for name in ["444", "422", "440", "420", "411"].map(|sampling| format!("{sampling}-restart.jpg")) {
        let encoded = read(&name);
        let jpeg = Jpeg::parse(&encoded).unwrap();
        let pixels = whole(&jpeg, 3);
        for (top, height) in [(0, 1), (15, 1), (16, 1), (44, 1), (7, 10), (31, 14), (0, 45)] {
            for (left, width) in [(0, 1), (15, 2), (31, 33), (69, 1), (1, 68), (0, 70)] {
                let region = Region { left, top, width, height };
                assert_eq!(jpeg.decode(3, region).unwrap().data(), cut(&pixels, region), "{name} {region:?}");
            }
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    for name in ["420-17x15.jpg", "422-restart.jpg", "grey-16x16.jpg", "444-7x9.jpg"] {
        let encoded = read(name);
        for length in 0..encoded.len() {
            if let Some(jpeg) = Jpeg::parse(&encoded[..length]) {
                let region = Region { left: 0, top: 0, width: 1, height: 1 };
                assert!(jpeg.decode(3, region).is_err(), "{name} cut to {length} bytes");
            }
        }
    }
}

#[test]
fn a_short_scan_is_refused_before_its_pixels_are_paid_for() {
    let mut encoded = read("420-33x31.jpg");
    let frame = encoded.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    encoded[frame + 5..frame + 9].fill(0xff);
    let jpeg = Jpeg::parse(&encoded).unwrap();
    assert_eq!((jpeg.width(), jpeg.height()), (65_535, 65_535));
    assert!(jpeg.decode(3, Region::whole(65_535, 65_535)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_region_is_the_cut_of_the_whole(
        file in prop::sample::select(golden().into_keys().collect::<Vec<_>>()),
        channels in prop::sample::select(vec![1u32, 3]),
        scale in prop::sample::select(vec![Scale::Full, Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth]),
        corners in prop::array::uniform4(0f64..1.0),
    ) {
        let encoded = read(&file);
        let jpeg = Jpeg::parse(&encoded).unwrap();
        let part = |at: f64, of: u32| (at * f64::from(of)) as u32;
        let (all_width, all_height) = jpeg.size(scale);
        let (left, top) = (part(corners[0], all_width), part(corners[1], all_height));
        let width = 1 + part(corners[2], all_width - left);
        let height = 1 + part(corners[3], all_height - top);
        let region = Region { left, top, width: width.min(all_width - left), height: height.min(all_height - top) };
        let pixels = jpeg.decode_scaled(channels, scale, region).unwrap();
        let whole = jpeg.decode_scaled(channels, scale, Region::whole(all_width, all_height)).unwrap();
        prop_assert_eq!(pixels.data(), cut(&whole, region));
    }

    /// Any result will do, as long as there is one; a region fails at most where the whole does.
    #[test]
    fn damage_never_panics(
        file in prop::sample::select(golden().into_keys().collect::<Vec<_>>()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..20),
    ) {
        let mut encoded = read(&file);
        for (place, bit) in flips {
            *place.get_mut(&mut encoded) ^= 1 << bit;
        }
        if let Some(jpeg) = Jpeg::parse(&encoded) {
            let region = Region { left: 0, top: 0, width: jpeg.width(), height: jpeg.height().div_ceil(2) };
            let part = jpeg.decode(3, region);
            if let Ok(all) = jpeg.decode(3, Region::whole(jpeg.width(), jpeg.height())) {
                let part = part.unwrap();
                prop_assert_eq!(part.data(), cut(&all, region));
            }
        }
    }
}

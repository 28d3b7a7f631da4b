//! Hostile and broken input: an error that says what is wrong, before memory is spent.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use brazier_image::{
    ImageError, InputShape, Limits, Pixels, Preprocess, crop, decode, encode, probe, resize,
};
use proptest::prelude::*;

fn grey(width: u32, height: u32) -> Vec<u8> {
    encode::png(&Pixels::new(width, height, 1, vec![7; (width * height) as usize]).unwrap()).unwrap()
}

/// The header of a PNG that claims an enormous size, and nothing behind it.
fn bomb() -> Vec<u8> {
    let mut bytes = grey(1, 1);
    bytes[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let checksum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// CRC-32 as PNG chunks have it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn the_header_is_checked_before_pixels_exist() {
    assert_eq!(probe(&bomb()).unwrap().width, 0xffff);
    let error = decode(&bomb(), 3, &Limits::default()).unwrap_err();
    assert_eq!(error, ImageError::TooLarge { what: "pixels", found: 0xffff * 0xffff, limit: 100_000_000 });
    assert_eq!(
        error.to_string(),
        "the image is too large: pixels would be 4294836225, the limit is 100000000"
    );
}

#[test]
fn each_limit_holds() {
    let image = grey(10, 10);
    let refused = |limits: Limits| match decode(&image, 1, &limits) {
        Err(ImageError::TooLarge { what, found, .. }) => (what, found),
        other => panic!("{other:?}"),
    };
    let all = Limits::default();
    let length = image.len() as u64;
    assert_eq!(refused(Limits { max_bytes: length - 1, ..all }), ("encoded bytes", length));
    assert_eq!(refused(Limits { max_pixels: 99, ..all }), ("pixels", 100));
    assert!(decode(&image, 1, &Limits { max_bytes: length, max_pixels: 100, ..all }).is_ok());
    let rgb = encode::png(&Pixels::new(100, 100, 3, vec![7; 30_000]).unwrap()).unwrap();
    let small = Limits { max_allocation: 29_999, ..all };
    assert!(matches!(decode(&rgb, 3, &small), Err(ImageError::TooLarge { found: 30_000, .. })));
}

#[test]
fn resizing_a_strip_cannot_explode() {
    let strip = || Pixels::new(50_000, 1, 1, vec![0; 50_000]).unwrap();
    let limits = Limits::default();
    let too_large = ImageError::TooLarge { what: "pixels", found: 224 * 224 * 50_000, limit: 100_000_000 };
    assert_eq!(resize::shorter_edge(strip(), 224, &limits).unwrap_err(), too_large);
    assert_eq!(crop::enlarge(strip(), InputShape::new(1, 224, 224), &limits).unwrap_err(), too_large);
}

#[test]
fn broken_input_is_named() {
    let limits = Limits::default();
    assert_eq!(decode(&[], 1, &limits).unwrap_err(), ImageError::Empty);
    let unknown = decode(b"<html><body>", 1, &limits).unwrap_err().to_string();
    assert!(unknown.ends_with("the first bytes are 3c 68 74 6d 6c 3e 3c 62"), "{unknown}");
    let cut = decode(&grey(20, 20)[..60], 1, &limits).unwrap_err().to_string();
    assert!(cut.starts_with("cannot decode the png image: "), "{cut}");
    assert_eq!(decode(&grey(2, 2), 4, &limits).unwrap_err(), ImageError::Channels { found: 4 });
}

#[test]
fn an_output_of_another_size_is_refused() {
    let preprocess = Preprocess::squash(InputShape::new(1, 2, 2));
    let error = preprocess.apply(&grey(2, 2), &Limits::default(), &mut [0; 5]).unwrap_err();
    assert_eq!(error, ImageError::BufferSize { found: 5, expected: 4 });
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0_usize..400, value: u8, cut in 0_usize..400, file in 0_usize..6) {
        let name = ["rgb.png", "rgb.jpg", "animated.gif", "rgb.webp", "rgb.bmp", "rgb.tiff"][file];
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let mut bytes = std::fs::read(path).unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        let limits = Limits { max_pixels: 10_000, ..Limits::default() };
        if let Ok(pixels) = decode(&bytes, 3, &limits) {
            prop_assert!(u64::from(pixels.width()) * u64::from(pixels.height()) <= 10_000);
        }
        let _ = decode(&bytes[..cut.min(bytes.len())], 1, &limits);
    }

    #[test]
    fn png_gives_the_same_pixels_back(width in 1_u32..20, height in 1_u32..20, channels in prop_oneof![Just(1), Just(3)], seed: u8) {
        let data = (0..width * height * channels).map(|at| (at as u8).wrapping_mul(seed | 1)).collect();
        let pixels = Pixels::new(width, height, channels, data).unwrap();
        let bytes = encode::png(&pixels).unwrap();
        prop_assert_eq!(decode(&bytes, channels, &Limits::default()).unwrap(), pixels);
    }
}

//! Crops and resizes by MXNet's integer rules, and the two paths made of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use brazier_image::{
    Augmentation, Fit, InputShape, Limits, Pixels, Preprocess, TrainTransform, crop, encode, resize,
};

/// A grey image whose pixel at (row, column) is 16 * row + column.
fn numbered(width: u32, height: u32) -> Pixels {
    let data = (0..height).flat_map(|row| (0..width).map(move |column| (16 * row + column) as u8)).collect();
    Pixels::new(width, height, 1, data).unwrap()
}

fn size(pixels: &Pixels) -> (u32, u32) {
    (pixels.width(), pixels.height())
}

#[test]
fn the_longer_edge_follows_in_truncated_integers() {
    let resized = |width, height, edge| {
        size(&resize::shorter_edge(numbered(width, height), edge, &Limits::default()).unwrap())
    };
    assert_eq!(resized(5, 3, 7), (11, 7));
    assert_eq!(resized(3, 5, 7), (7, 11));
    assert_eq!(resized(4, 4, 9), (9, 9));
    assert_eq!(resized(10, 9, 2), (2, 2));
}

#[test]
fn a_small_image_is_enlarged_until_it_covers_the_shape() {
    let enlarged = |width, height, shape| {
        size(&crop::enlarge(numbered(width, height), shape, &Limits::default()).unwrap())
    };
    assert_eq!(enlarged(5, 3, InputShape::new(1, 7, 7)), (11, 7));
    // In two steps, truncated in between: 3 x 5 to 4 x 7 to 7 x 12.
    assert_eq!(enlarged(3, 5, InputShape::new(1, 7, 7)), (7, 12));
    // Tall enough already: only the width forces a change.
    assert_eq!(enlarged(4, 9, InputShape::new(1, 8, 6)), (6, 13));
    assert_eq!(enlarged(12, 9, InputShape::new(1, 8, 6)), (12, 9));
}

#[test]
fn the_centre_is_half_the_slack_truncated() {
    let pixels = numbered(7, 6);
    let shape = InputShape::new(1, 3, 4);
    let (whole, centre) = (pixels.size().whole(), crop::centre(pixels.size(), shape));
    assert_eq!((centre.left, centre.top), (1, 1));
    let mut out = [0; 12];
    crop::copy(&pixels, whole, centre, false, &mut out).unwrap();
    assert_eq!(out, [17, 18, 19, 20, 33, 34, 35, 36, 49, 50, 51, 52]);
    let outside = crop::copy(&pixels, whole, crop::at(0, 4, shape), false, &mut out).unwrap_err();
    assert!(outside.to_string().contains("leaves the image of 7 x 6 pixels"), "{outside}");
}

#[test]
fn evaluation_crops_or_squashes() {
    let png = encode::png(&numbered(8, 4)).unwrap();
    let shape = InputShape::new(1, 2, 2);
    let apply = |preprocess: Preprocess| {
        let mut out = [0; 4];
        preprocess.apply(&png, &Limits::default(), &mut out).unwrap();
        out
    };
    assert_eq!(apply(Preprocess::center_crop(shape, None)), [19, 20, 35, 36]);
    // Bilinear at the half-pixel centres: columns 1.5 and 5.5 of rows 0.5 and 2.5.
    assert_eq!(apply(Preprocess::squash(shape)), [10, 14, 42, 46]);
    // To 4 x 2 first, columns 0.5, 2.5, 4.5 and 6.5; then the middle two.
    assert_eq!(apply(Preprocess::center_crop(shape, Some(2))), [11, 13, 43, 45]);
}

#[test]
fn the_recorded_preprocessing_reads_back() {
    let preprocess = Preprocess::center_crop(InputShape::new(3, 224, 224), Some(256));
    let text = serde_json::to_string(&preprocess).unwrap();
    assert_eq!(text, r#"{"shape":{"channels":3,"height":224,"width":224},"resize":256,"fit":"center_crop"}"#);
    assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), preprocess);
    let fast = Preprocess { fast_decode: true, ..preprocess.clone() };
    let text = serde_json::to_string(&fast).unwrap();
    assert!(text.ends_with(r#","fast_decode":true}"#), "{text}");
    assert_eq!(serde_json::from_str::<Preprocess>(&text).unwrap(), fast);
    assert_eq!(Preprocess::squash(preprocess.shape).fit, Fit::Squash);
}

fn train(augmentation: Augmentation, draws: &[u32]) -> (Vec<u8>, usize) {
    let png = encode::png(&numbered(8, 4)).unwrap();
    let transform =
        TrainTransform { shape: InputShape::new(1, 2, 3), resize: None, augmentation, fast_decode: false };
    let (mut out, mut drawn) = ([0; 6], 0);
    let mut random = || {
        drawn += 1;
        draws[drawn - 1]
    };
    transform.apply(&png, &Limits::default(), &mut random, &mut out).unwrap();
    (out.to_vec(), drawn)
}

#[test]
fn without_augmentation_training_sees_the_centre() {
    assert_eq!(train(Augmentation::None, &[]), (vec![18, 19, 20, 34, 35, 36], 0));
}

#[test]
fn a_random_crop_draws_the_row_first_and_the_mirror_last() {
    assert_eq!(train(Augmentation::Crop, &[0, 0, 0]), (vec![0, 1, 2, 16, 17, 18], 3));
    // The largest draws reach the last row and column: rows 2..4, columns 5..8, mirrored.
    assert_eq!(train(Augmentation::Crop, &[u32::MAX; 3]), (vec![39, 38, 37, 55, 54, 53], 3));
    assert_eq!(train(Augmentation::Crop, &[u32::MAX, 0, 0]).0[0], 32);
    assert_eq!(train(Augmentation::Crop, &[0, u32::MAX, 0]).0[0], 5);
}

#[test]
fn a_mirrored_pixel_keeps_the_order_of_its_channels() {
    let pixels = Pixels::new(2, 1, 3, vec![1, 2, 3, 4, 5, 6]).unwrap();
    let transform = TrainTransform {
        shape: InputShape::new(3, 1, 2),
        resize: None,
        augmentation: Augmentation::Crop,
        fast_decode: false,
    };
    let mut out = [0; 6];
    let png = encode::png(&pixels).unwrap();
    transform.apply(&png, &Limits::default(), &mut || u32::MAX, &mut out).unwrap();
    assert_eq!(out, [4, 5, 6, 1, 2, 3]);
}

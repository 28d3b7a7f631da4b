//! `fast_decode`: large JPEG images are scaled down while they are decoded, others are not.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

use brazier_image::{Augmentation, InputShape, Limits, Pixels, Preprocess, TrainTransform, encode};

/// A smooth picture, so that two ways of making it smaller must agree.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let value = |at: u32, of: u32| (f64::from(at) / f64::from(of) * 200.0) as u8 + 20;
    let pixel = |x: u32, y: u32| [value(x, width), value(y, height), value(x + y, width + height)];
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    encode::jpeg(&Pixels::new(width, height, 3, data).unwrap(), 95).unwrap()
}

fn validated(encoded: &[u8], resize: u32, fast_decode: bool) -> Vec<u8> {
    let shape = InputShape::new(3, 24, 24);
    let mut out = vec![0; shape.len()];
    let preprocess = Preprocess { fast_decode, ..Preprocess::center_crop(shape, Some(resize)) };
    preprocess.apply(encoded, &Limits::default(), &mut out).unwrap();
    out
}

#[test]
fn a_large_image_changes_a_little_and_one_that_would_get_too_small_not_at_all() {
    let encoded = picture(130, 100);
    let (exact, fast) = (validated(&encoded, 30, false), validated(&encoded, 30, true));
    assert_ne!(fast, exact);
    let largest = exact.iter().zip(&fast).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(largest <= 4, "{largest}");
    // Half of it would have a shorter edge of 50.
    assert_eq!(validated(&encoded, 51, true), validated(&encoded, 51, false));
}

#[test]
fn training_can_do_it_too() {
    let encoded = picture(200, 120);
    let shape = InputShape::new(1, 20, 20);
    let trained = |fast_decode| {
        let mut out = vec![0; shape.len()];
        let augmentation = Augmentation::CropColorTransform;
        let transform = TrainTransform { shape, resize: Some(28), augmentation, fast_decode };
        transform.apply(&encoded, &Limits::default(), &mut || 1 << 30, &mut out).unwrap();
        out
    };
    assert_ne!(trained(true), trained(false));
    assert!(trained(true).iter().zip(trained(false)).all(|(a, b)| a.abs_diff(b) <= 8));
}

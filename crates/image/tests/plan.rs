//! The two paths against their steps taken one by one on whole images.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

use brazier_image::affine::{Distortion, Warp};
use brazier_image::color::{self, Offsets};
use brazier_image::{
    Augmentation, Fit, InputShape, Limits, Pixels, Preprocess, Region, TrainTransform, crop, decode, encode,
    resize,
};
use proptest::prelude::*;

const LIMITS: fn() -> Limits = Limits::default;

/// An image without two equal neighbourhoods.
fn noise(width: u32, height: u32, channels: u32) -> Pixels {
    let value = |at: u32| (at.wrapping_mul(2_654_435_761) >> 23) as u8;
    Pixels::new(width, height, channels, (0..width * height * channels).map(value).collect()).unwrap()
}

fn warp_all(pixels: &Pixels, distortion: Distortion) -> Pixels {
    let (size, channels) = (pixels.size(), pixels.channels());
    let mut out = vec![0; pixels.data().len()];
    Warp::new(size, distortion).window(pixels, size.whole(), size.whole(), false, &mut out).unwrap();
    Pixels::new(size.width, size.height, channels, out).unwrap()
}

/// The steps in their order, each on everything the one before left.
fn step_by_step(pixels: Pixels, transform: &TrainTransform, draws: &[u32]) -> (Vec<u8>, usize) {
    let (shape, level) = (transform.shape, transform.augmentation);
    let mut drawn = 0;
    let mut draw = || {
        drawn += 1;
        draws[drawn - 1]
    };
    let unit = |bits: u32| (bits >> 8) as f32 / 16_777_216.0;
    let up_to = |last: u32, bits: u32| ((u64::from(bits) * (u64::from(last) + 1)) >> 32) as u32;

    let mut pixels = pixels;
    if let Some(edge) = transform.resize {
        pixels = resize::shorter_edge(pixels, edge, &LIMITS()).unwrap();
    }
    if level == Augmentation::CropColorTransform {
        let shear = unit(draw()) * 0.1 * 2.0 - 0.1;
        let degrees = up_to(20, draw()) as i32 - 10;
        let aspect = 1.0 + (unit(draw()) * 0.25 * 2.0 - 0.25);
        pixels = warp_all(&pixels, Distortion { shear, degrees, aspect });
    }
    let pixels = crop::enlarge(pixels, shape, &LIMITS()).unwrap();
    let size = pixels.size();
    let mut window = crop::centre(size, shape);
    if level != Augmentation::None {
        window.top = up_to(size.height - shape.height, draw());
        window.left = up_to(size.width - shape.width, draw());
    }
    let mut out = vec![0; shape.len()];
    crop::copy(&pixels, size.whole(), window, false, &mut out).unwrap();
    if level >= Augmentation::CropColor {
        let mut offset = |limit: f32| {
            let mixed = (unit(draw()) + 4.0 * unit(draw())) / 5.0;
            (mixed * limit * 2.0 - limit) as i32
        };
        let (hue, saturation, lightness) = (offset(36.0), offset(50.0), offset(50.0));
        color::shift(&mut out, shape.channels, Offsets { hue, lightness, saturation });
    }
    if level != Augmentation::None && draw() >> 31 == 1 {
        let cropped = Pixels::new(shape.width, shape.height, shape.channels, out.clone()).unwrap();
        crop::copy(&cropped, cropped.size().whole(), cropped.size().whole(), true, &mut out).unwrap();
    }
    (out, drawn)
}

fn shapes() -> impl Strategy<Value = InputShape> {
    (prop_oneof![Just(1_u32), Just(3)], 1_u32..30, 1_u32..30)
        .prop_map(|(channels, height, width)| InputShape::new(channels, height, width))
}

fn augmentations() -> impl Strategy<Value = Augmentation> {
    use Augmentation::{Crop, CropColor, CropColorTransform, None};
    prop_oneof![Just(None), Just(Crop), Just(CropColor), Just(CropColorTransform)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn training_takes_mxnets_steps(
        (width, height) in (1_u32..50, 1_u32..50),
        shape in shapes(),
        resize in prop_oneof![Just(None), (1_u32..50).prop_map(Some)],
        augmentation in augmentations(),
        draws in prop::array::uniform12(any::<u32>()),
    ) {
        let pixels = noise(width, height, shape.channels);
        let encoded = encode::png(&pixels).unwrap();
        let transform = TrainTransform { shape, resize, augmentation, fast_decode: false };
        let (mut out, mut drawn) = (vec![0; shape.len()], 0);
        let mut random = || {
            drawn += 1;
            draws[drawn - 1]
        };
        transform.apply(&encoded, &LIMITS(), &mut random, &mut out).unwrap();
        prop_assert_eq!((out, drawn), step_by_step(pixels, &transform, &draws));
    }

    #[test]
    fn evaluation_takes_the_same_steps(
        (width, height) in (1_u32..50, 1_u32..50),
        shape in shapes(),
        resize in prop_oneof![Just(None), (1_u32..50).prop_map(Some)],
        fit in prop_oneof![Just(Fit::CenterCrop), Just(Fit::Squash)],
    ) {
        let pixels = noise(width, height, shape.channels);
        let encoded = encode::png(&pixels).unwrap();
        let mut out = vec![0; shape.len()];
        let preprocess = Preprocess { fit, ..Preprocess::center_crop(shape, resize) };
        preprocess.apply(&encoded, &LIMITS(), &mut out).unwrap();
        let expected = if fit == Fit::CenterCrop {
            let none = Augmentation::None;
            let transform = TrainTransform { shape, resize, augmentation: none, fast_decode: false };
            step_by_step(pixels, &transform, &[]).0
        } else {
            let first = match resize {
                Some(edge) => resize::shorter_edge(pixels, edge, &LIMITS()).unwrap(),
                None => pixels,
            };
            resize::exact(first, shape.width, shape.height, &LIMITS()).unwrap().into_data()
        };
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn a_region_is_cut_from_the_upright_image(
        file in 0_usize..12,
        channels in prop_oneof![Just(1_u32), Just(3)],
        (left, top, width, height) in (0_u32..16, 0_u32..16, 1_u32..17, 1_u32..17),
    ) {
        let name = [
            "rgb.jpg", "orientation2.jpg", "orientation3.jpg", "orientation4.jpg", "orientation5.jpg",
            "orientation6.jpg", "orientation7.jpg", "orientation8.jpg", "rgb.png", "rgb16.png", "rgb.webp", "rgb.tiff",
        ][file];
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let encoded = std::fs::read(path).unwrap();
        let whole = decode(&encoded, channels, &LIMITS()).unwrap();
        let region = Region { left, top, width, height };
        match decode::region(&encoded, channels, &LIMITS(), region) {
            Ok(part) => {
                let mut expected = vec![0; part.data().len()];
                crop::copy(&whole, whole.size().whole(), region, false, &mut expected).unwrap();
                prop_assert_eq!(part.into_data(), expected);
            }
            Err(_) => prop_assert!(!region.fits(whole.width(), whole.height())),
        }
    }
}

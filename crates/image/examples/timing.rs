//! Times each step on one thread: `cargo run --release -p brazier-image --example timing [PNG or JPEG files]`.
#![allow(clippy::unwrap_used, missing_docs, reason = "an example")]

use std::hint::black_box;
use std::time::Instant;

use brazier_image::affine::{Distortion, Warp};
use brazier_image::color::{self, Offsets};
use brazier_image::resize::Resize;
use brazier_image::{
    Augmentation, InputShape, Limits, Pixels, Preprocess, Region, Size, TrainTransform, encode,
};

/// An image that is neither flat nor noise.
fn picture(width: u32, height: u32, channels: u32) -> Pixels {
    let value = |at: u32| {
        let (pixel, channel) = (at / channels, at % channels);
        let (x, y) = (pixel % width, pixel / width);
        ((x * 3 + y * 2 + channel * 40) / 2 + (x * y * 7) % 23) as u8
    };
    Pixels::new(width, height, channels, (0..width * height * channels).map(value).collect()).unwrap()
}

/// The median of 9 rounds, in microseconds a call.
fn time(name: &str, mut call: impl FnMut()) {
    let mut rounds: Vec<f64> = (0..9)
        .map(|_| {
            let (start, mut calls) = (Instant::now(), 0);
            while start.elapsed().as_millis() < 40 {
                call();
                calls += 1;
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:44} {:9.2} us", rounds[rounds.len() / 2]);
}

fn main() {
    let limits = Limits::default();
    for channels in [1, 3] {
        let photo = picture(500, 375, channels);
        let resize = Resize { from: photo.size(), to: Size::new(341, 256) };
        let mut all = vec![0; 341 * 256 * channels as usize];
        time(&format!("resize 500x375x{channels} to 341x256"), || {
            resize.window(&photo, photo.size().whole(), resize.to.whole(), false, &mut all).unwrap();
            black_box(&all);
        });
        let window = Region { left: 58, top: 16, width: 224, height: 224 };
        let mut out = vec![0; 224 * 224 * channels as usize];
        time("  its window of 224x224", || {
            resize.window(&photo, photo.size().whole(), window, false, &mut out).unwrap();
            black_box(&out);
        });
        let resized = Pixels::new(341, 256, channels, all).unwrap();
        let warp = Warp::new(resized.size(), Distortion { shear: 0.1, degrees: 7, aspect: 1.1 });
        time("  warped, the window", || {
            warp.window(&resized, resized.size().whole(), window, false, &mut out).unwrap();
            black_box(&out);
        });
        time("  shifted colours of the window", || {
            color::shift(&mut out, channels, Offsets { hue: 10, lightness: 3, saturation: -20 });
            black_box(&out);
        });
    }

    let digit = picture(28, 28, 1);
    let graymap = [b"P5 28 28 255\n", digit.data()].concat();
    let shape = InputShape::new(1, 28, 28);
    let mut out = [0; 784];
    for (name, encoded) in [("png", encode::png(&digit).unwrap()), ("graymap", graymap)] {
        time(&format!("28x28 {name}, evaluation"), || {
            Preprocess::center_crop(shape, None).apply(&encoded, &limits, &mut out).unwrap();
            black_box(&out);
        });
    }

    for path in std::env::args().skip(1) {
        let encoded = std::fs::read(&path).unwrap();
        let shape = if path.ends_with(".png") { shape } else { InputShape::new(3, 224, 224) };
        let resize = (shape.height == 224).then_some(256);
        let mut out = vec![0; shape.len()];
        println!("{path}");
        for augmentation in [
            Augmentation::None,
            Augmentation::Crop,
            Augmentation::CropColor,
            Augmentation::CropColorTransform,
        ] {
            let transform = TrainTransform { shape, resize, augmentation, fast_decode: false };
            let mut state = 1_u32;
            let mut random = || {
                state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                state
            };
            time(&format!("  {augmentation:?}"), || {
                transform.apply(&encoded, &limits, &mut random, &mut out).unwrap();
                black_box(&out);
            });
        }
    }
}

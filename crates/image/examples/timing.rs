//! Times each step on one thread: `cargo run --release -p brazier-image --example timing`.
#![allow(clippy::unwrap_used, missing_docs, reason = "an example")]

use std::hint::black_box;
use std::time::Instant;

use brazier_image::resize::Resize;
use brazier_image::{Pixels, Region, Size};

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
    }
}

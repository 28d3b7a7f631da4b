//! Pooling against what the windows hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulator;
mod noise;

use brazier_kernels::Format;
use brazier_kernels::convolution::Images;
use brazier_kernels::pool::{Window, mean, mean_gradient};
use noise::{Room, Side, difference, noise, rounded};

const STEM: Window = Window { extent: 3, stride: 2, padding: 1 };

#[test]
fn the_largest_of_a_window_takes_its_gradient() {
    for [height, width, channels] in [[8, 8, 16], [7, 5, 3], [1, 2, 1]] {
        let source = Images { count: 2, height, width };
        let target = STEM.target(source);
        let x = noise(source.pixels() * channels, 1);
        let dy = noise(target.pixels() * channels, 2);
        let (mut y, mut taps) = (vec![0.0; dy.len()], vec![0; dy.len()]);
        let (mut expected, mut gradient) = (vec![f64::NEG_INFINITY; y.len()], vec![0.0f64; x.len()]);
        for (index, largest) in expected.iter_mut().enumerate() {
            let (pixel, channel) = (index / channels, index % channels);
            let (image, place) = (pixel / target.plane(), pixel % target.plane());
            let mut from = 0;
            for row in
                (place / target.width * 2).saturating_sub(1)..(place / target.width * 2 + 2).min(height)
            {
                let first = (place % target.width * 2).saturating_sub(1);
                for column in first..(place % target.width * 2 + 2).min(width) {
                    let at = (image * source.plane() + row * width + column) * channels + channel;
                    if f64::from(x[at]) > *largest {
                        (*largest, from) = (f64::from(x[at]), at);
                    }
                }
            }
            gradient[from] += f64::from(dy[index]);
        }
        for path in emulator::paths() {
            STEM.largest(path, source, channels, (&x).into(), (&mut y).into(), None).unwrap();
            assert_eq!(difference(&y, &expected), 0.0, "{path}: {height}x{width}");
            y.fill(f32::NAN);
            STEM.largest(path, source, channels, (&x).into(), (&mut y).into(), Some(&mut taps)).unwrap();
            assert_eq!(difference(&y, &expected), 0.0, "{path}: {height}x{width}");
            let mut dx = vec![f32::NAN; x.len()];
            STEM.largest_gradient(path, source, channels, (&dy).into(), &taps, (&mut dx).into()).unwrap();
            assert!(difference(&dx, &gradient) < 1e-6, "{path}: {height}x{width}");
        }
    }
}

#[test]
fn the_first_of_equals_and_what_is_no_number_are_taken() {
    let source = Images { count: 1, height: 2, width: 2 };
    let (mut y, mut taps) = ([0.0], [0]);
    for path in emulator::paths() {
        let mut largest = |x: &[f32]| {
            STEM.largest(path, source, 1, x.into(), (&mut y[..]).into(), Some(&mut taps)).map(|()| (y, taps))
        };
        assert_eq!(largest(&[1.0; 4]).unwrap(), ([1.0], [4]));
        let values = [1.0, f32::NAN, 2.0, 3.0];
        assert!(largest(&values).unwrap().0[0].is_nan());
        assert!(largest(&[1.0; 3]).is_err());
        STEM.largest(path, source, 1, values[..].into(), (&mut y[..]).into(), None).unwrap();
        assert!(y[0].is_nan());
    }
}

#[test]
fn the_mean_of_an_image_and_its_gradient() {
    let source = Images { count: 3, height: 4, width: 5 };
    let x = noise(source.pixels() * 6, 1);
    let mut y = vec![0.0; 18];
    mean(source, 6, (&x).into(), &mut y).unwrap();
    let expected: Vec<f64> = (0..18)
        .map(|at| {
            let image = &x[at / 6 * 120..][..120];
            image.iter().skip(at % 6).step_by(6).map(|&value| f64::from(value)).sum::<f64>() / 20.0
        })
        .collect();
    assert!(difference(&y, &expected) < 1e-6);
    let mut dx = vec![0.0; x.len()];
    mean_gradient(source, 6, &y, (&mut dx).into()).unwrap();
    assert!(dx.iter().enumerate().all(|(at, &dx)| dx == y[at / 120 * 6 + at % 6] / 20.0));
    assert!(mean(source, 5, (&x).into(), &mut y).is_err());
}

#[test]
fn values_of_bfloat16_are_pooled_as_float32_and_rounded() {
    let (source, channels) = (Images { count: 3, height: 9, width: 6 }, 70);
    let target = STEM.target(source);
    for path in emulator::paths() {
        let side = |pixels: usize, seed| {
            Side::new((path, Format::Bfloat16), noise(pixels * channels, seed), channels)
        };
        let (x, dy, mut taps) = (side(source.pixels(), 1), side(target.pixels(), 2), vec![0; 3 * 15 * 70]);
        let mut run = |format| {
            let [mut y, mut dx, mut shares] = [target.pixels(), source.pixels(), source.pixels()]
                .map(|pixels| Room::new(format, pixels * channels));
            let mut means = vec![0.0; 3 * channels];
            taps.fill(u8::MAX);
            STEM.largest(path, source, channels, x.factors_as(format), y.results(), Some(&mut taps)).unwrap();
            STEM.largest_gradient(path, source, channels, dy.factors_as(format), &taps, dx.results())
                .unwrap();
            mean(source, channels, x.factors_as(format), &mut means).unwrap();
            mean_gradient(source, channels, &means, shares.results()).unwrap();
            (means, [y, dx, shares].map(|room| room.values()))
        };
        let (means, results) = run(Format::Float32);
        assert_eq!(run(Format::Bfloat16), (means, results.map(|values| rounded(&values))), "{path}");
    }
}

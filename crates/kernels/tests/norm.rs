//! Batch norm and its gradients against the same formulas in float64, on every instruction set of this processor.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulator;
mod noise;

use std::ops::Range;

use brazier_kernels::norm::{Norm, data_gradient, normalise, statistics, sums};
use brazier_kernels::{Factors, Format, Path, ShapeError};
use noise::{Room, Side, difference, noise, rounded};

const EPSILON: f64 = 2e-5;

/// Pixels and channels.
const CASES: [[usize; 2]; 9] =
    [[1000, 64], [50, 200], [77, 3], [4096, 1], [4099, 1], [33, 40], [5, 17], [1, 8], [3000, 16]];

/// An image far from 0, as raw pixels are.
fn image(pixels: usize, channels: usize) -> Vec<f32> {
    noise(pixels * channels, 1)
        .into_iter()
        .enumerate()
        .map(|(index, value)| value * (1.0 + (index % channels) as f32 * 0.1) + 100.0)
        .collect()
}

/// Mean and biased variance.
fn moments(x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let pixels = (x.len() / channels) as f64;
    let of = |channel: usize| x.iter().skip(channel).step_by(channels).map(|&value| f64::from(value));
    let mean: Vec<f64> = (0..channels).map(|channel| of(channel).sum::<f64>() / pixels).collect();
    let variance = (0..channels)
        .map(|channel| of(channel).map(|value| (value - mean[channel]).powi(2)).sum::<f64>() / pixels);
    let variance = variance.collect();
    (mean, variance)
}

/// Normalised values before the activation.
fn normal(x: &[f32], channels: usize, gamma: &[f32], beta: &[f32]) -> Vec<f64> {
    let (mean, variance) = moments(x, channels);
    x.iter()
        .enumerate()
        .map(|(index, &value)| {
            let at = index % channels;
            (f64::from(value) - mean[at]) / (variance[at] + EPSILON).sqrt() * f64::from(gamma[at])
                + f64::from(beta[at])
        })
        .collect()
}

#[test]
fn no_channels_are_refused() {
    let (path, none) = (Path::best(), [0.0f32; 0]);
    let error = statistics(path, none[..].into(), 0).unwrap_err();
    assert_eq!(error.to_string(), "the number of channels is 0, expected 1");
    let found = Default::default();
    let norm = Norm { statistics: &found, gamma: None, beta: &[], epsilon: EPSILON, relu: false };
    assert_eq!(normalise(path, none[..].into(), norm, (&mut [][..]).into()).unwrap_err(), error);
    assert_eq!(norm.line().unwrap_err(), error);
}

#[test]
fn statistics_and_values_are_the_formulas() {
    for path in emulator::paths() {
        println!("with {path}");
        for [pixels, channels] in CASES {
            let x = image(pixels, channels);
            let (gamma, beta) = (noise(channels, 2), noise(channels, 3));
            let found = statistics(path, (&x).into(), channels).unwrap();
            let (mean, variance) = moments(&x, channels);
            assert!(difference(&found.mean, &mean) < 1e-6, "{path}: {pixels} of {channels}");
            if pixels > 1 {
                assert!(difference(&found.variance, &variance) < 1e-5, "{path}: {pixels} of {channels}");
            }
            for relu in [false, true] {
                let norm =
                    Norm { statistics: &found, gamma: Some(&gamma), beta: &beta, epsilon: EPSILON, relu };
                let mut y = vec![f32::NAN; x.len()];
                normalise(path, (&x).into(), norm, (&mut y).into()).unwrap();
                let mut expected = normal(&x, channels, &gamma, &beta);
                if relu {
                    expected.iter_mut().for_each(|value| *value = value.max(0.0));
                }
                assert!(difference(&y, &expected) < 3e-5, "{path}: {pixels} of {channels}");
            }
        }
    }
}

#[test]
fn gradients_are_the_formulas() {
    for path in emulator::paths() {
        for [pixels, channels] in CASES.into_iter().filter(|[pixels, _]| *pixels > 1) {
            // Near 0, so that float32 does not decide the sign behind the activation otherwise.
            let x = noise(pixels * channels, 1);
            let (gamma, beta) = (noise(channels, 2), noise(channels, 3));
            let (dy, also) = (noise(x.len(), 4), noise(x.len(), 5));
            let found = statistics(path, (&x).into(), channels).unwrap();
            let norm =
                Norm { statistics: &found, gamma: Some(&gamma), beta: &beta, epsilon: EPSILON, relu: true };
            let mut dx = vec![f32::NAN; x.len()];
            let sums = sums(path, [(&x).into(), (&dy).into()], norm).unwrap();
            let sides = [(&x).into(), (&dy).into()];
            data_gradient(path, sides, norm, &sums, Some((&also).into()), (&mut dx).into()).unwrap();
            let found = sums.gradients(norm);

            let (mean, variance) = moments(&x, channels);
            let values = normal(&x, channels, &gamma, &beta);
            let behind = |index: usize| if values[index] > 0.0 { f64::from(dy[index]) } else { 0.0 };
            let normal = |index: usize| {
                let at = index % channels;
                (f64::from(x[index]) - mean[at]) / (variance[at] + EPSILON).sqrt()
            };
            let (mut by_gamma, mut by_beta) = (vec![0.0; channels], vec![0.0; channels]);
            for index in 0..x.len() {
                by_gamma[index % channels] += behind(index) * normal(index);
                by_beta[index % channels] += behind(index);
            }
            let expected: Vec<f64> = (0..x.len())
                .map(|index| {
                    let (at, n) = (index % channels, pixels as f64);
                    let inner = behind(index) - by_beta[at] / n - normal(index) * by_gamma[at] / n;
                    inner * f64::from(gamma[at]) / (variance[at] + EPSILON).sqrt() + f64::from(also[index])
                })
                .collect();
            assert!(difference(&found.gamma, &by_gamma) < 1e-5, "{path}: {pixels} of {channels}");
            assert!(difference(&found.beta, &by_beta) < 1e-5, "{path}: {pixels} of {channels}");
            assert!(difference(&dx, &expected) < 1e-5, "{path}: {pixels} of {channels}");
        }
    }
}

#[test]
fn the_gradient_of_a_part_follows_from_the_sums_of_all() {
    let (channels, cut) = (16, 700 * 16);
    let (x, dy) = (noise(1000 * channels, 1), noise(1000 * channels, 2));
    let (gamma, beta) = (noise(channels, 3), noise(channels, 4));
    let found = statistics(Path::best(), (&x).into(), channels).unwrap();
    let norm = Norm { statistics: &found, gamma: Some(&gamma), beta: &beta, epsilon: EPSILON, relu: true };
    let sides = [Factors::from(&x), Factors::from(&dy)];
    let whole = sums(Path::best(), sides, norm).unwrap();
    let mut expected = vec![0.0; x.len()];
    data_gradient(Path::best(), sides, norm, &whole, None, (&mut expected).into()).unwrap();

    let parts = [0..cut, cut..x.len()];
    let sides = |at: &Range<usize>| [Factors::from(&x[at.clone()]), Factors::from(&dy[at.clone()])];
    let [mut all, other] = parts.clone().map(|at| sums(Path::best(), sides(&at), norm).unwrap());
    all.pixels += other.pixels;
    all.plain.iter_mut().zip(other.plain).for_each(|(all, other)| *all += other);
    all.by_deviation.iter_mut().zip(other.by_deviation).for_each(|(all, other)| *all += other);
    for at in parts {
        let mut dx = vec![f32::NAN; at.len()];
        data_gradient(Path::best(), sides(&at), norm, &all, None, (&mut dx).into()).unwrap();
        let expected: Vec<f64> = expected[at].iter().map(|&value| f64::from(value)).collect();
        assert!(difference(&dx, &expected) < 1e-6);
    }
}

#[test]
fn what_is_no_number_stays_visible() {
    let found = statistics(Path::best(), [1.0, 2.0, 3.0, f32::NAN][..].into(), 2).unwrap();
    assert!(found.mean[1].is_nan() && found.mean[0] == 2.0);
    let norm = Norm { statistics: &found, gamma: None, beta: &[0.0; 2], epsilon: EPSILON, relu: true };
    let mut y = [0.0; 4];
    normalise(Path::best(), [1.0, 2.0, 3.0, f32::NAN][..].into(), norm, (&mut y[..]).into()).unwrap();
    assert!(y[1].is_nan() && y[3].is_nan());
    let error =
        normalise(Path::best(), [1.0; 3][..].into(), norm, (&mut y[..]).into()).unwrap_err().to_string();
    assert!(error.contains("channels"), "{error}");
}

#[test]
fn sides_of_bfloat16_are_computed_as_float32_and_rounded() {
    for path in emulator::paths() {
        for [pixels, channels] in CASES.into_iter().filter(|[_, channels]| channels % 2 == 0) {
            let [x, dy, also] = [1, 2, 3]
                .map(|seed| Side::new((path, Format::Bfloat16), noise(pixels * channels, seed), channels));
            let (gamma, beta) = (noise(channels, 4), noise(channels, 5));
            let run = |format| -> Result<_, ShapeError> {
                let sides = [&x, &dy, &also].map(|side| side.factors_as(format));
                let found = statistics(path, sides[0], channels)?;
                let norm = Norm {
                    statistics: &found,
                    gamma: Some(&gamma),
                    beta: &beta,
                    epsilon: EPSILON,
                    relu: true,
                };
                let [mut y, mut dx, mut alone] = [(); 3].map(|()| Room::new(format, pixels * channels));
                normalise(path, sides[0], norm, y.results())?;
                let sums = sums(path, [sides[0], sides[1]], norm)?;
                data_gradient(path, [sides[0], sides[1]], norm, &sums, Some(sides[2]), dx.results())?;
                data_gradient(path, [sides[0], sides[1]], norm, &sums, None, alone.results())?;
                Ok((found.clone(), sums, [y, dx, alone].map(|room| room.values())))
            };
            let (single, half) = (run(Format::Float32).unwrap(), run(Format::Bfloat16).unwrap());
            assert_eq!((&single.0, &single.1), (&half.0, &half.1), "{path}: {pixels} of {channels}");
            assert_eq!(single.2.map(|values| rounded(&values)), half.2, "{path}: {pixels} of {channels}");
        }
    }
    let (x, statistics) = (noise(8, 1), statistics(Path::best(), [1.0; 4][..].into(), 2).unwrap());
    let norm = Norm { statistics: &statistics, gamma: None, beta: &[0.0; 2], epsilon: EPSILON, relu: false };
    let mut y = Room::new(Format::Bfloat16, 8);
    let error = normalise(Path::best(), (&x).into(), norm, y.results()).unwrap_err().to_string();
    assert!(error.contains("formats"), "{error}");
}

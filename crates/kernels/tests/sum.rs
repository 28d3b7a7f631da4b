//! The sum of two branches behind the activation, against what it says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulator;
mod noise;

use brazier_kernels::sum::{gradient, rectified};
use brazier_kernels::{Format, Path};
use noise::{Room, Side, noise, rounded};

#[test]
fn sums_are_activated_and_their_gradient_passes_where_they_are_not_0() {
    for path in emulator::paths() {
        for len in [2, 30, 40_000] {
            let [a, b, dy] = [1, 2, 3].map(|seed| {
                let mut values = noise(len, seed);
                values[1] = if seed == 1 { f32::NAN } else { 1.0 };
                Side::new((path, Format::Bfloat16), values, 2)
            });
            let sums = a.values.iter().zip(&b.values).map(|(a, b)| a + b);
            let expected: Vec<f32> = sums.map(|sum| if sum < 0.0 { 0.0 } else { sum }).collect();
            let pairs = expected.iter().zip(&dy.values);
            let passed: Vec<f32> = pairs.map(|(y, dy)| if *y == 0.0 { 0.0 } else { *dy }).collect();
            let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
            for format in [Format::Float32, Format::Bfloat16] {
                let as_kept = |values: &[f32]| match format {
                    Format::Float32 => bits(values),
                    Format::Bfloat16 => bits(&rounded(values)),
                };
                let [mut y, mut dx] = [(); 2].map(|()| Room::new(format, len));
                rectified(path, [a.factors_as(format), b.factors_as(format)], y.results()).unwrap();
                assert_eq!(bits(&y.values()), as_kept(&expected), "{path}, {format:?}: {len}");
                let y = Side::new((path, format), y.values(), 2);
                gradient(path, [y.factors(), dy.factors_as(format)], dx.results()).unwrap();
                assert_eq!(bits(&dx.values()), as_kept(&passed), "{path}, {format:?}: {len}");
            }
        }
    }
}

#[test]
fn sides_that_do_not_fit_are_told() {
    let (a, mut y) = (noise(8, 1), vec![0.0; 8]);
    let sides = [(&a).into(), a[..6].into()];
    let error = rectified(Path::best(), sides, (&mut y).into()).unwrap_err().to_string();
    assert!(error.contains("other side is 6"), "{error}");
    let half = Side::new((Path::best(), Format::Bfloat16), a.clone(), 8);
    let sides = [(&a).into(), half.factors()];
    let error = rectified(Path::best(), sides, (&mut y).into()).unwrap_err().to_string();
    assert!(error.contains("formats"), "{error}");
}

//! What happens to the sums of a convolution, in either format.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod emulator;
mod noise;

use brazier_kernels::convolution::{Algorithm, Output, Packed};
use brazier_kernels::norm::{Mapping, map};
use brazier_kernels::{Format, Path};
use cases::{CASES, case, engines, image, side, weights};
use noise::{Room, Side, noise, rounded};

#[test]
fn results_of_bfloat16_are_those_of_float32_rounded() {
    for (path, format) in engines() {
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let (target, chosen) = (convolution.target(source), (convolution, convolution.algorithm(source)));
            let w = weights((path, format), &convolution);
            let [x, dx_also] = [1, 4].map(|seed| {
                let engine = (path, if seed == 1 { format } else { Format::Bfloat16 });
                side(engine, source.pixels() * convolution.input, convolution.input, seed)
            });
            let [dy, residual] = [2, 3].map(|seed| {
                let engine = (path, if seed == 2 { format } else { Format::Bfloat16 });
                side(engine, target.pixels() * convolution.output, convolution.output, seed)
            });
            let scale = noise(convolution.output, 6);
            let plain = Output::default();
            let forward = Packed::forward(path, format, chosen, &w).unwrap();
            let backward = Packed::data_gradient(path, format, chosen, &w).unwrap();
            let run = |as_format| {
                let mut all = Vec::new();
                if convolution.output % 2 == 0 {
                    let residual = Some(residual.factors_as(as_format));
                    let full = Output { scale: Some(&scale), bias: Some(&scale), residual, relu: true };
                    for output in [plain, full, Output { residual, ..plain }] {
                        let mut y = Room::new(as_format, target.pixels() * convolution.output);
                        convolution
                            .forward(source, image(&x, &convolution), &forward, output, y.results())
                            .unwrap();
                        all.push(y.values());
                    }
                }
                if convolution.input % 2 == 0 && !convolution.is_stem() {
                    for also in [None, Some(dx_also.factors_as(as_format))] {
                        let mut dx = Room::new(as_format, source.pixels() * convolution.input);
                        convolution
                            .data_gradient(source, dy.factors(), &backward, also, dx.results())
                            .unwrap();
                        all.push(dx.values());
                    }
                }
                all
            };
            let expected: Vec<_> = run(Format::Float32).iter().map(|values| rounded(values)).collect();
            assert_eq!(run(Format::Bfloat16), expected, "{path}, {format:?}: {numbers:?}");
        }
    }
    let (convolution, source) = case([1, 1, 0, 4, 3, 1, 2, 2]);
    let packed = Packed::forward(Path::best(), Format::Float32, (convolution, Algorithm::Direct), &[0.0; 12]);
    let mut y = Room::new(Format::Bfloat16, 12);
    let (x, output) = ([0.0; 16], Output::default());
    let error = convolution.forward(source, x[..].into(), &packed.unwrap(), output, y.results());
    assert!(error.unwrap_err().to_string().contains("modulo 2"));
}

#[test]
fn a_second_result_is_the_first_behind_a_norm() {
    for (path, format) in engines() {
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let channels = convolution.output;
            let len = convolution.target(source).pixels() * channels;
            if format == Format::Bfloat16 && channels % 2 == 1 {
                continue;
            }
            let x = side((path, format), source.pixels() * convolution.input, convolution.input, 1);
            let residual = side((path, format), len, channels, 3);
            let chosen = (convolution, convolution.algorithm(source));
            let packed =
                Packed::forward(path, format, chosen, &weights((path, format), &convolution)).unwrap();
            let [mean, scale, beta] = [4, 5, 6].map(|seed| noise(channels, seed));
            for relu in [false, true] {
                let mapping = Mapping { mean: &mean, scale: &scale, beta: &beta, relu };
                let full = Output { scale: Some(&scale), bias: Some(&beta), relu, ..Output::default() };
                for output in [Output::default(), Output { residual: Some(residual.factors()), ..full }] {
                    let [mut alone, mut y, mut expected, mut z] = [(); 4].map(|()| Room::new(format, len));
                    let x = image(&x, &convolution);
                    convolution.forward(source, x, &packed, output, alone.results()).unwrap();
                    let first = Side::new((path, format), alone.values(), channels);
                    map(path, first.factors(), mapping, expected.results()).unwrap();
                    let then = (mapping, z.results());
                    convolution.forward_then(source, x, &packed, (output, y.results()), then).unwrap();
                    let bits =
                        |room: &Room| -> Vec<u32> { room.values().iter().map(|it| it.to_bits()).collect() };
                    assert_eq!(bits(&y), bits(&alone), "{path}, {format:?}: {numbers:?}");
                    assert_eq!(bits(&z), bits(&expected), "{path}, {format:?}: {numbers:?}");
                }
            }
        }
    }
}

#[test]
fn second_results_that_do_not_fit_are_told() {
    let (convolution, source) = case([1, 1, 0, 4, 2, 1, 2, 2]);
    let packed = Packed::forward(Path::best(), Format::Float32, (convolution, Algorithm::Direct), &[0.0; 8]);
    let (x, packed) = ([0.0; 16], packed.unwrap());
    let refused = |channels: usize, (format, len): (Format, usize)| {
        let (mut y, mut z) = (Room::new(Format::Float32, 8), Room::new(format, len));
        let values = vec![0.0; channels];
        let mapping = Mapping { mean: &values, scale: &values, beta: &values, relu: true };
        let (first, then) = ((Output::default(), y.results()), (mapping, z.results()));
        convolution.forward_then(source, x[..].into(), &packed, first, then).unwrap_err().to_string()
    };
    assert!(refused(3, (Format::Float32, 8)).contains("the number of means is 3, expected 2"));
    assert!(refused(2, (Format::Float32, 6)).contains("of the second result is 6, expected 8"));
    assert!(refused(2, (Format::Bfloat16, 8)).contains("the number of formats"));
}

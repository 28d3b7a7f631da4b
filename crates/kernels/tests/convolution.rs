//! Forward and both gradients against plain loops in float64, on every instruction set of this processor.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod emulator;
mod noise;

use brazier_kernels::convolution::{Algorithm, Images, Output, Packed};
use brazier_kernels::{Convolution, Factors, Format, Halves, Path};
use cases::{CASES, case, engines, image, side, weights};
use noise::{Room, Side, difference, noise};

/// For each product of a convolution: indices of input, weight and output.
fn products(convolution: &Convolution, source: Images, mut each: impl FnMut(usize, usize, usize)) {
    let Convolution { input, output, kernel, stride, padding } = *convolution;
    let target = convolution.target(source);
    for pixel in 0..target.pixels() {
        let (image, place) = (pixel / target.plane(), pixel % target.plane());
        for tap in 0..kernel * kernel {
            let row = (place / target.width * stride + tap / kernel).checked_sub(padding);
            let column = (place % target.width * stride + tap % kernel).checked_sub(padding);
            let (Some(row), Some(column)) = (row, column) else { continue };
            if row >= source.height || column >= source.width {
                continue;
            }
            let from = (image * source.plane() + row * source.width + column) * input;
            for out in 0..output {
                for channel in 0..input {
                    let weight = (out * input + channel) * kernel * kernel + tap;
                    each(from + channel, weight, pixel * output + out);
                }
            }
        }
    }
}

/// How far a result may be from the sum of products, relative to the largest: Winograd's algorithm rounds bfloat16 again.
fn most(format: Format, convolution: &Convolution, source: Images) -> f64 {
    match (format, convolution.algorithm(source)) {
        (Format::Bfloat16, Algorithm::Winograd) => 8e-3,
        _ => 5e-6,
    }
}

#[test]
fn forward_is_the_sum_of_products() {
    for (path, format) in engines() {
        println!("with {path} and {format:?}");
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let data = side((path, format), source.pixels() * convolution.input, convolution.input, 1);
            let (x, w) = (&data.values, weights((path, format), &convolution));
            let len = convolution.target(source).pixels() * convolution.output;
            let (bias, residual) = (noise(convolution.output, 3), noise(len, 4));
            let scale = noise(convolution.output, 6);
            let mut plain = vec![0.0f64; len];
            products(&convolution, source, |i, k, o| plain[o] += f64::from(x[i]) * f64::from(w[k]));
            let packed =
                Packed::forward(path, format, (convolution, convolution.algorithm(source)), &w).unwrap();
            let mut y = vec![f32::NAN; len];
            convolution
                .forward(source, image(&data, &convolution), &packed, Output::default(), (&mut y).into())
                .unwrap();
            assert!(
                difference(&y, &plain) < most(format, &convolution, source),
                "{path}, {format:?}: {numbers:?}: {}",
                difference(&y, &plain)
            );

            let (scaled, bias_of, residual_of) =
                (Some(&scale[..]), Some(&bias[..]), Some(Factors::from(&residual)));
            let also = Output { scale: scaled, bias: bias_of, residual: residual_of, relu: true };
            convolution.forward(source, image(&data, &convolution), &packed, also, (&mut y).into()).unwrap();
            for (index, value) in plain.iter_mut().enumerate() {
                let add = bias[index % convolution.output] + residual[index];
                let scale = f64::from(scale[index % convolution.output]);
                *value = (*value * scale + f64::from(add)).max(0.0);
            }
            assert!(
                difference(&y, &plain) < most(format, &convolution, source),
                "{path}, {format:?}: {numbers:?}: {}",
                difference(&y, &plain)
            );
        }
    }
}

#[test]
fn the_gradient_of_the_data_is_the_sum_of_products() {
    for (path, format) in engines() {
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let w = weights((path, format), &convolution);
            let len = convolution.target(source).pixels() * convolution.output;
            let data = side((path, format), len, convolution.output, 5);
            let dy = &data.values;
            let mut expected = vec![0.0f64; source.pixels() * convolution.input];
            products(&convolution, source, |i, k, o| expected[i] += f64::from(w[k]) * f64::from(dy[o]));
            let packed =
                Packed::data_gradient(path, format, (convolution, convolution.algorithm(source)), &w)
                    .unwrap();
            let mut dx = vec![f32::NAN; expected.len()];
            convolution.data_gradient(source, data.factors(), &packed, None, (&mut dx).into()).unwrap();
            let found = difference(&dx, &expected);
            assert!(found < most(format, &convolution, source), "{path}, {format:?}: {numbers:?}: {found}");

            let also = noise(dx.len(), 6);
            expected.iter_mut().zip(&also).for_each(|(sum, &also)| *sum += f64::from(also));
            convolution
                .data_gradient(source, data.factors(), &packed, Some((&also).into()), (&mut dx).into())
                .unwrap();
            let found = difference(&dx, &expected);
            assert!(found < most(format, &convolution, source), "{path}, {format:?}: {numbers:?}: {found}");
        }
    }
}

#[test]
fn the_gradient_of_the_weights_is_the_sum_of_products() {
    for (path, format) in engines() {
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let pixels = side((path, format), source.pixels() * convolution.input, convolution.input, 1);
            let len = convolution.target(source).pixels() * convolution.output;
            let gradient = side((path, format), len, convolution.output, 5);
            let (x, dy) = (&pixels.values, &gradient.values);
            let mut expected = vec![0.0f64; convolution.weights()];
            products(&convolution, source, |i, k, o| expected[k] += f64::from(x[i]) * f64::from(dy[o]));
            let mut dw = vec![f32::NAN; expected.len()];
            let (x, dy) = (image(&pixels, &convolution), gradient.factors());
            convolution.weight_gradient(path, source, x, dy, &mut dw).unwrap();
            let found = difference(&dw, &expected);
            assert!(found < most(format, &convolution, source), "{path}, {format:?}: {numbers:?}: {found}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let cases = [
        [3, 1, 1, 32, 48, 30, 12, 12],
        [3, 1, 1, 32, 64, 30, 12, 12],
        [1, 1, 0, 64, 32, 30, 12, 12],
        [7, 2, 3, 3, 64, 4, 32, 30],
    ];
    for ((path, format), numbers) in engines().flat_map(|engine| cases.map(|numbers| (engine, numbers))) {
        let (convolution, source) = case(numbers);
        let target = convolution.target(source);
        let x = side((path, format), source.pixels() * convolution.input, convolution.input, 1);
        let dy = side((path, format), target.pixels() * convolution.output, convolution.output, 5);
        let w = noise(convolution.weights(), 2);
        let results = [1, 2, 3, 7].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut all = [dy.values.len(), x.values.len(), w.len()].map(|len| vec![0.0; len]);
                let [y, dx, dw] = &mut all;
                let packed =
                    Packed::forward(path, format, (convolution, convolution.algorithm(source)), &w).unwrap();
                convolution
                    .forward(source, image(&x, &convolution), &packed, Output::default(), y.into())
                    .unwrap();
                let packed =
                    Packed::data_gradient(path, format, (convolution, convolution.algorithm(source)), &w)
                        .unwrap();
                convolution.data_gradient(source, dy.factors(), &packed, None, dx.into()).unwrap();
                convolution.weight_gradient(path, source, image(&x, &convolution), dy.factors(), dw).unwrap();
                all
            })
        });
        assert!(results.iter().all(|result| *result == results[0]), "{path}, {format:?}: {numbers:?}");
    }
}

#[test]
fn what_is_no_number_stays_where_it_is_multiplied() {
    let cases = [[1, 1, 0, 40, 33, 1, 9, 9], [3, 1, 1, 40, 64, 1, 9, 9], [3, 2, 1, 9, 40, 2, 13, 13]];
    for ((path, format), numbers) in engines().flat_map(|engine| cases.map(|numbers| (engine, numbers))) {
        let (convolution, source) = case(numbers);
        let (input, output) = (convolution.input, convolution.output);
        let target = convolution.target(source);
        // Pixels at many places of tiles and behind them.
        for pixel in (0..source.pixels()).step_by(5) {
            let mut x = noise(source.pixels() * input, 1);
            x[pixel * input] = f32::NAN;
            let x = Side::new((path, format), x, input);
            let mut expected = [vec![false; target.pixels() * output], vec![false; convolution.weights()]];
            products(&convolution, source, |i, k, o| {
                if i == pixel * input {
                    (expected[0][o], expected[1][k]) = (true, true);
                }
            });
            let mut dw = vec![0.0; convolution.weights()];
            let weights = weights((path, format), &convolution);
            let packed = Packed::forward(path, format, (convolution, Algorithm::Direct), &weights).unwrap();
            let dy = side((path, format), target.pixels() * output, output, 5);
            convolution.weight_gradient(path, source, x.factors(), dy.factors(), &mut dw).unwrap();
            let are_none = |values: Vec<f32>| values.into_iter().map(f32::is_nan).collect::<Vec<_>>();
            assert_eq!(are_none(dw), expected[1], "{path}, {format:?}: {numbers:?}: pixel {pixel}");
            let results = [Format::Float32, Format::Bfloat16];
            // The activation keeps it too.
            for relu in [false, true] {
                for result in results.into_iter().take(if output % 2 == 0 { 2 } else { 1 }) {
                    let mut y = Room::new(result, target.pixels() * output);
                    let as_is = Output { relu, ..Output::default() };
                    convolution.forward(source, x.factors(), &packed, as_is, y.results()).unwrap();
                    let found = are_none(y.values());
                    assert_eq!(found, expected[0], "{path}, {format:?}: {numbers:?}: pixel {pixel}");
                }
            }
        }
    }
}

#[test]
fn wrong_sizes_are_told() {
    let (convolution, source) = case([3, 1, 1, 4, 4, 1, 8, 8]);
    let path = Path::best();
    let error = Packed::forward(path, Format::Float32, (convolution, Algorithm::Direct), &[0.0; 7])
        .unwrap_err()
        .to_string();
    assert!(error.contains('7') && error.contains("144"), "{error}");
    let packed =
        Packed::forward(path, Format::Float32, (convolution, Algorithm::Direct), &[0.0; 144]).unwrap();
    let mut y = vec![0.0; 256];
    let error = convolution
        .forward(source, [0.0; 9][..].into(), &packed, Output::default(), (&mut y).into())
        .unwrap_err();
    assert!(error.to_string().contains("256"), "{error}");
    let halves = Halves::of(path, &[0.0; 256], 4);
    let error = convolution
        .forward(source, (&halves).into(), &packed, Output::default(), (&mut y).into())
        .unwrap_err();
    assert!(error.to_string().contains("format"), "{error}");
    let error =
        convolution.data_gradient(source, [0.0; 256][..].into(), &packed, None, (&mut y).into()).unwrap_err();
    assert!(error.to_string().contains("packed"), "{error}");
    let filled = Halves::of(path, &[0.0; 256], 1);
    let onto = Output { residual: Some((&filled).into()), ..Output::default() };
    let error =
        convolution.forward(source, [0.0; 256][..].into(), &packed, onto, (&mut y).into()).unwrap_err();
    assert!(error.to_string().contains("halves"), "{error}");
    let (stem, few) = case([3, 1, 1, 3, 4, 1, 8, 8]);
    let weights =
        Packed::data_gradient(path, Format::Float32, (stem, Algorithm::Direct), &[0.0; 108]).unwrap();
    let (also, mut dx) = (Some([][..].into()), vec![0.0; 192]);
    let error = stem.data_gradient(few, [0.0; 256][..].into(), &weights, also, (&mut dx).into()).unwrap_err();
    assert!(error.to_string().contains("to add"), "{error}");
    let none = Images { height: 0, ..source };
    let error = convolution
        .forward(none, [][..].into(), &packed, Output::default(), (&mut [][..]).into())
        .unwrap_err();
    assert!(error.to_string().contains("extent"), "{error}");
}

#[test]
fn an_image_alone_gives_the_bits_that_it_gives_among_others() {
    for (path, format) in engines() {
        for numbers in CASES {
            let (convolution, source) = case(numbers);
            let algorithm = convolution.algorithm(source);
            let x = noise(source.pixels() * convolution.input, 1);
            let w = noise(convolution.weights(), 2);
            let packed = Packed::forward(path, format, (convolution, algorithm), &w).unwrap();
            let run = |source: Images, x: &[f32]| {
                let side = match format {
                    Format::Float32 => None,
                    Format::Bfloat16 if convolution.is_stem() => None,
                    Format::Bfloat16 => Some(Halves::of(path, x, convolution.input)),
                };
                let x = side.as_ref().map_or(Factors::Float32(x), Factors::from);
                let mut y = vec![f32::NAN; convolution.target(source).pixels() * convolution.output];
                convolution.forward(source, x, &packed, Output::default(), (&mut y).into()).unwrap();
                y
            };
            let one = Images { count: 1, ..source };
            let images = x.chunks(source.plane() * convolution.input);
            let apart: Vec<f32> = images.flat_map(|x| run(one, x)).collect();
            assert_eq!(run(source, &x), apart, "{path}, {format:?}: {numbers:?}");
        }
    }
}

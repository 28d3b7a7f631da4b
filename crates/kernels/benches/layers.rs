//! GFLOP/s of each convolution of a network, forward and both gradients, beside the machine's peak, and what it must move: image,
//! weights and result, once each.
//!
//! `cargo bench -p brazier-kernels --bench layers -- [small|r18|r50] [batch] [bfloat16]`; `RAYON_NUM_THREADS=1` for one core.
//! Packing the weights is in the time, but for a batch of one, as an endpoint has it; rounding to bfloat16 is. The peak is that of float32 or
//! of pairs, in vectors: AMX may be above it.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fs;
use std::time::Instant;

use brazier_kernels::convolution::{Images, Output, Packed};
use brazier_kernels::{Buffer, Convolution, Factors, Format, Halves, Path};
use rayon::prelude::*;

/// Extent, channels in and out, kernel, stride, and how often the network has it.
type Layer = [usize; 6];

/// ResNet-18 at 28x28.
const SMALL: &[Layer] = &[
    [28, 1, 64, 3, 1, 1],
    [28, 64, 64, 3, 1, 4],
    [28, 64, 128, 3, 2, 1],
    [28, 64, 128, 1, 2, 1],
    [14, 128, 128, 3, 1, 3],
    [14, 128, 256, 3, 2, 1],
    [14, 128, 256, 1, 2, 1],
    [7, 256, 256, 3, 1, 3],
    [7, 256, 512, 3, 2, 1],
    [7, 256, 512, 1, 2, 1],
    [4, 512, 512, 3, 1, 3],
];

/// ResNet-18 at 224x224.
const R18: &[Layer] = &[
    [224, 3, 64, 7, 2, 1],
    [56, 64, 64, 3, 1, 4],
    [56, 64, 128, 3, 2, 1],
    [56, 64, 128, 1, 2, 1],
    [28, 128, 128, 3, 1, 3],
    [28, 128, 256, 3, 2, 1],
    [28, 128, 256, 1, 2, 1],
    [14, 256, 256, 3, 1, 3],
    [14, 256, 512, 3, 2, 1],
    [14, 256, 512, 1, 2, 1],
    [7, 512, 512, 3, 1, 3],
];

/// ResNet-50 at 224x224, strides in the 3x3 convolutions.
const R50: &[Layer] = &[
    [224, 3, 64, 7, 2, 1],
    [56, 64, 64, 1, 1, 1],
    [56, 64, 64, 3, 1, 3],
    [56, 64, 256, 1, 1, 4],
    [56, 256, 64, 1, 1, 2],
    [56, 256, 128, 1, 1, 1],
    [56, 128, 128, 3, 2, 1],
    [28, 128, 512, 1, 1, 4],
    [56, 256, 512, 1, 2, 1],
    [28, 512, 128, 1, 1, 3],
    [28, 128, 128, 3, 1, 3],
    [28, 512, 256, 1, 1, 1],
    [28, 256, 256, 3, 2, 1],
    [14, 256, 1024, 1, 1, 6],
    [28, 512, 1024, 1, 2, 1],
    [14, 1024, 256, 1, 1, 5],
    [14, 256, 256, 3, 1, 5],
    [14, 1024, 512, 1, 1, 1],
    [14, 512, 512, 3, 2, 1],
    [7, 512, 2048, 1, 1, 3],
    [14, 1024, 2048, 1, 2, 1],
    [7, 2048, 512, 1, 1, 2],
    [7, 512, 512, 3, 1, 2],
];

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let format = if words.iter().any(|word| word == "bfloat16") { Format::Bfloat16 } else { Format::Float32 };
    words.retain(|word| word != "bfloat16");
    let (layers, batch) = match words.first().map_or("small", String::as_str) {
        "r18" => (R18, 8),
        "r50" => (R50, 8),
        _ => (SMALL, 100),
    };
    let batch = words.get(1).map_or(batch, |word| word.parse().unwrap());
    let path = std::env::var("BRAZIER_KERNELS").map_or(Path::best(), |name| Path::named(&name).unwrap());
    let peak = peak(format);
    println!(
        "{path}, {format:?}, {} threads, peak {peak:.0} GFLOP/s, batch {batch}",
        rayon::current_num_threads()
    );
    println!(
        "| layer | GFLOP | MB | forward | data | weights | share of peak |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    let mut totals = [0.0f64; 4];
    for &[extent, input, output, kernel, stride, times] in layers {
        let convolution = Convolution { input, output, kernel, stride, padding: kernel / 2 };
        let source = Images { count: batch, height: extent, width: extent };
        let (flops, seconds) = measure((path, format), convolution, source);
        let rates = seconds.map(|seconds| flops / seconds / 1e9);
        let shares = rates.map(|rate| format!("{:.0} %", 100.0 * rate / peak)).join(", ");
        let name = format!("{times} x {kernel}x{kernel}/{stride} {input}->{output} at {extent}");
        let [forward, data, weights] = rates;
        let values =
            source.pixels() * input + convolution.weights() + convolution.target(source).pixels() * output;
        let size = if format == Format::Float32 { 4 } else { 2 };
        println!(
            "| {name} | {:.2} | {:.1} | {forward:.0} | {data:.0} | {weights:.0} | {shares} |",
            flops / 1e9,
            (values * size) as f64 / 1e6
        );
        totals[3] += flops * times as f64;
        for (total, seconds) in totals.iter_mut().zip(seconds) {
            *total += seconds * times as f64;
        }
    }
    let [forward, data, weights, flops] = totals;
    let rates = [forward, data, weights].map(|seconds| flops / seconds / 1e9);
    println!("| all | {:.1} | | {:.0} | {:.0} | {:.0} | |", flops / 1e9, rates[0], rates[1], rates[2]);
    let all = forward + data + weights;
    println!(
        "{:.3} s forward, {data:.3} s data, {weights:.3} s weights: {:.1} images/s",
        forward,
        batch as f64 / all
    );
}

/// Operations of one direction, without those on padding, and the seconds of each.
fn measure((path, format): (Path, Format), convolution: Convolution, source: Images) -> (f64, [f64; 3]) {
    let target = convolution.target(source);
    let algorithm = convolution.algorithm(source);
    let x = filled(source.pixels() * convolution.input, 0.5);
    let dy = filled(target.pixels() * convolution.output, 0.25);
    let w = filled(convolution.weights(), 0.125);
    let halves =
        |values: &[f32], columns| (format == Format::Bfloat16).then(|| Halves::of(path, values, columns));
    let [mut y, mut dx, mut dw] = [dy.len(), x.len(), w.len()].map(|len| filled(len, 0.0));
    let constant = Packed::forward(path, format, (convolution, algorithm), &w).unwrap();
    let forward = fastest(|| {
        let new =
            (source.count > 1).then(|| Packed::forward(path, format, (convolution, algorithm), &w).unwrap());
        let packed = new.as_ref().unwrap_or(&constant);
        let halves = halves(&x, convolution.input);
        let x = halves.as_ref().filter(|_| !convolution.is_stem()).map_or(Factors::Float32(&x), Into::into);
        convolution.forward(source, x, packed, Output::default(), (&mut y).into()).unwrap();
    });
    let data = fastest(|| {
        let packed = Packed::data_gradient(path, format, (convolution, algorithm), &w).unwrap();
        let halves = halves(&dy, convolution.output);
        let dy = halves.as_ref().map_or(Factors::Float32(&dy), Into::into);
        convolution.data_gradient(source, dy, &packed, None, (&mut dx).into()).unwrap();
    });
    let [image, gradient] = [halves(&x, convolution.input), halves(&dy, convolution.output)];
    let image = image.as_ref().filter(|_| !convolution.is_stem()).map_or(Factors::Float32(&x), Into::into);
    let gradient = gradient.as_ref().map_or(Factors::Float32(&dy), Into::into);
    let weights = fastest(|| convolution.weight_gradient(path, source, image, gradient, &mut dw).unwrap());
    let valid = |extent: usize, target: usize| -> usize {
        let taps = |at: usize| {
            (0..convolution.kernel).filter(move |tap| {
                (at * convolution.stride + tap)
                    .checked_sub(convolution.padding)
                    .is_some_and(|place| place < extent)
            })
        };
        (0..target).map(|at| taps(at).count()).sum()
    };
    let taps = valid(source.height, target.height) * valid(source.width, target.width) * source.count;
    let flops = 2.0 * taps as f64 * (convolution.input * convolution.output) as f64;
    (flops, [forward, data, weights])
}

/// The least of several runs, in seconds that a thread computed.
fn fastest(mut run: impl FnMut()) -> f64 {
    run();
    let mut least = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.4 {
        // The system counts what is computed in steps of some milliseconds.
        let (start, clock, mut runs) = (computed(), Instant::now(), 0.0);
        while clock.elapsed().as_secs_f64() < 0.04 {
            run();
            runs += 1.0;
        }
        least = least.min((computed() - start) / runs);
    }
    least
}

/// Seconds that each thread of this process has computed, on average: other programs of the machine take none of them.
fn computed() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = tasks.map(|task| {
        // The thread may have ended meanwhile.
        let text = fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
    });
    nanoseconds.sum::<f64>() / 1e9 / rayon::current_num_threads() as f64
}

/// GFLOP/s of all threads from registers.
fn peak(format: Format) -> f64 {
    const ROUNDS: usize = 20_000_000;
    let once = || {
        let start = computed();
        let threads = rayon::current_num_threads();
        let flops: f64 = (0..threads).into_par_iter().with_max_len(1).map(|_| multiply(format, ROUNDS)).sum();
        flops / (computed() - start) / 1e9
    };
    (0..5).map(|_| once()).fold(0.0, f64::max)
}

/// Operations done.
#[cfg(target_arch = "x86_64")]
fn multiply(format: Format, rounds: usize) -> f64 {
    use core::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_set1_ps, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_fmadd_ps,
        _mm512_set1_ps,
    };

    #[target_feature(enable = "avx2,fma")]
    fn avx2(rounds: usize) -> f64 {
        let mut sums = [_mm256_set1_ps(0.0); 12];
        let (a, b) = (_mm256_set1_ps(0.5), _mm256_set1_ps(std::hint::black_box(0.25)));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(a, b, *sum);
            }
        }
        std::hint::black_box(sums);
        (rounds * 12 * 16) as f64
    }

    #[target_feature(enable = "avx512f")]
    fn avx512(rounds: usize) -> f64 {
        let mut sums = [_mm512_set1_ps(0.0); 24];
        let (a, b) = (_mm512_set1_ps(0.5), _mm512_set1_ps(std::hint::black_box(0.25)));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(a, b, *sum);
            }
        }
        std::hint::black_box(sums);
        (rounds * 24 * 32) as f64
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    fn avx512_bf16(rounds: usize) -> f64 {
        let mut sums = [_mm512_set1_ps(0.0); 24];
        let half = _mm512_set1_ps(std::hint::black_box(0.5));
        let (a, b) = (_mm512_cvtne2ps_pbh(half, half), _mm512_cvtne2ps_pbh(half, half));
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, a, b);
            }
        }
        std::hint::black_box(sums);
        (rounds * 24 * 64) as f64
    }

    if format == Format::Bfloat16 && is_x86_feature_detected!("avx512bf16") {
        // SAFETY: just found.
        unsafe { avx512_bf16(rounds) }
    } else if is_x86_feature_detected!("avx512f") {
        // SAFETY: just found.
        unsafe { avx512(rounds) }
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: just found.
        unsafe { avx2(rounds) }
    } else {
        f64::NAN
    }
}

/// Operations done.
#[cfg(not(target_arch = "x86_64"))]
fn multiply(_format: Format, _rounds: usize) -> f64 {
    f64::NAN
}

fn filled(len: usize, value: f32) -> Buffer {
    let mut buffer = Buffer::new(len);
    buffer.fill(value);
    buffer
}

//! Answers of one network on the processor, timed; weights are random, images noise.
//!
//!     cargo run --release -p brazier-model --example answer -- 18 3,224,224 4 100 float32 [FILE.onnx]
//!
//! Depth, image shape, callers at once, answers of each caller, what convolutions multiply. Prints the median time of an answer, answers per second, and
//! the seconds that the process computed for one. FILE gets the same network for ONNX Runtime.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::time::Instant;
use std::{env, fs, thread};

use brazier_model::artifact::{
    Artifact, SHAPES_FILE, SYMBOL_FILE, encode_params, encode_shapes, encode_symbol, params_file,
};
use brazier_model::native::{self, Format};
use brazier_model::resnet::pixels_to_tensor;
use brazier_model::{Layout, ResNet, export, initial};
use burn::tensor::Device;

const CLASSES: usize = 10;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [depth, shape, callers, answers, factors, rest @ ..] = &words[..] else {
        panic!(
            "expected a depth, an image shape, a number of callers and of answers, and float32 or bfloat16"
        )
    };
    let extents: Vec<usize> = shape.split(',').map(|extent| extent.parse().unwrap()).collect();
    let extents: [usize; 3] = extents.try_into().unwrap();
    let layout = Layout::resnet(depth.parse().unwrap(), extents, CLASSES).unwrap();
    let device = Device::flex();
    let network = initial::initialise(ResNet::new(&layout, &device), &layout.head, 1);
    if let [file] = rest {
        let files = BTreeMap::from([
            (SYMBOL_FILE.to_owned(), encode_symbol(&layout)),
            (SHAPES_FILE.to_owned(), encode_shapes(1, extents)),
            (params_file(0), encode_params(&network, &layout).unwrap()),
        ]);
        fs::write(file, export::onnx::encode(&Artifact::read(files).unwrap()).unwrap()).unwrap();
    }
    let format = if factors == "bfloat16" { Format::Bfloat16 } else { Format::Float32 };
    // As it is served.
    let network = native::multiplying(format, || network.packed());
    let (callers, answers): (usize, usize) = (callers.parse().unwrap(), answers.parse().unwrap());
    let ask = |count: usize| -> Vec<f64> {
        let once = |at: usize| {
            let clock = Instant::now();
            let [channels, height, width] = extents;
            let pixels = vec![at as u8; channels * height * width];
            let logits = network.forward(pixels_to_tensor(pixels, [1, height, width, channels], &device));
            assert!(logits.into_data().iter::<f32>().all(f32::is_finite));
            clock.elapsed().as_secs_f64()
        };
        (0..count).map(once).collect()
    };
    ask(3);
    let (clock, computed) = (Instant::now(), seconds());
    let mut times = thread::scope(|scope| {
        let asked: Vec<_> = (0..callers).map(|_| scope.spawn(|| ask(answers))).collect();
        asked.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<f64>>()
    });
    let rate = times.len() as f64 / clock.elapsed().as_secs_f64();
    let computed = (seconds() - computed) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    println!(
        "brazier resnet{depth} {shape} {factors}, {callers} callers: {:.2} ms an answer, {rate:.1} images/s, computed {computed:.5} s an image",
        times[times.len() / 2] * 1e3
    );
}

/// Seconds that this process has computed, in ticks of a hundredth (man 5 proc, /proc/pid/stat).
fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    ticks.filter_map(|tick| tick.parse::<f64>().ok()).sum::<f64>() / 100.0
}

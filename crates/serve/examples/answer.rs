//! Answers of one network on the processor, timed; weights are random, images of one grey each.
//!
//!     cargo run --release -p brazier-serve --example answer -- 18 3,224,224 4 100 float32 [FILE.onnx]
//!
//! Depth (`50-v1.5`: in the newer architecture), image shape, callers at once, answers of each caller, what convolutions multiply. One caller computes alone;
//! several ask an engine, as requests do. Prints the median time of an answer, answers per second, and the seconds that
//! the process computed for one. FILE gets the same network for ONNX Runtime.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::time::Instant;
use std::{env, fs, thread};

use brazier_model::artifact::{
    Artifact, SHAPES_FILE, SYMBOL_FILE, encode_params, encode_shapes, encode_symbol, params_file,
};
use brazier_model::native::Format;
use brazier_model::{Architecture, Layout, ResNet, export, initial};
use brazier_serve::{Engine, Predictor};
use burn::tensor::Device;
use tokio::runtime::Builder;

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
    let (depth, is_newer) = depth.strip_suffix("-v1.5").map_or((&depth[..], false), |depth| (depth, true));
    let architecture = if is_newer { Architecture::V15 } else { Architecture::V2 };
    let layout = Layout::resnet(depth.parse().unwrap(), extents, CLASSES).unwrap();
    let layout = layout.with_architecture(architecture).unwrap();
    let device = Device::flex();
    let network = initial::initialise(ResNet::new(&layout, &device), &layout.head, 1);
    let files = BTreeMap::from([
        (SYMBOL_FILE.to_owned(), encode_symbol(&layout)),
        (SHAPES_FILE.to_owned(), encode_shapes(1, extents)),
        (params_file(0), encode_params(&network, &layout).unwrap()),
    ]);
    drop(network);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in &files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let artifact = Artifact::read(files).unwrap();
    if let [file] = rest {
        fs::write(file, export::onnx::encode(&artifact).unwrap()).unwrap();
    }
    drop(artifact);
    let format = match factors.as_str() {
        "float32" => Format::Float32,
        "bfloat16" => Format::Bfloat16,
        other => panic!("what convolutions multiply is '{other}', expected float32 or bfloat16"),
    };
    let predictor = Predictor::load_in(folder.path(), &device, format).unwrap();
    let (callers, answers): (usize, usize) = (callers.parse().unwrap(), answers.parse().unwrap());
    let pixels = |at: usize| vec![at as u8; extents.iter().product()];
    if callers == 1 {
        let once = |at| drop(predictor.predict(pixels(at), 1).unwrap());
        let times = timed(3, answers, 1, &once);
        return report(&words, times);
    }
    let engine = Engine::start(move || Ok(predictor));
    let once = |at| {
        let runtime = Builder::new_current_thread().build().unwrap();
        drop(runtime.block_on(engine.predict(pixels(at))).unwrap());
    };
    Builder::new_current_thread().build().unwrap().block_on(engine.ready()).unwrap();
    report(&words, timed(3, answers, callers, &once));
}

/// What some callers saw.
struct Seen {
    /// Seconds of each answer.
    times: Vec<f64>,
    /// Seconds of all.
    elapsed: f64,
    /// Seconds that the process computed.
    computed: f64,
}

/// Calls `once` some times for nothing, then so often from each caller.
fn timed(before: usize, answers: usize, callers: usize, once: &(impl Fn(usize) + Sync)) -> Seen {
    let ask = |count: usize| -> Vec<f64> {
        let timed = |at| {
            let clock = Instant::now();
            once(at);
            clock.elapsed().as_secs_f64()
        };
        (0..count).map(timed).collect()
    };
    ask(before);
    let (clock, computed) = (Instant::now(), seconds());
    let times = thread::scope(|scope| {
        let asked: Vec<_> = (0..callers).map(|_| scope.spawn(|| ask(answers))).collect();
        asked.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<f64>>()
    });
    Seen { times, elapsed: clock.elapsed().as_secs_f64(), computed: seconds() - computed }
}

fn report(words: &[String], mut seen: Seen) {
    let count = seen.times.len();
    seen.times.sort_by(f64::total_cmp);
    println!(
        "brazier resnet{} {} {}, {} callers: {:.2} ms an answer, {:.1} images/s, computed {:.5} s an image",
        words[0],
        words[1],
        words[4],
        words[2],
        seen.times[count / 2] * 1e3,
        count as f64 / seen.elapsed,
        seen.computed / count as f64
    );
}

/// Seconds that this process has computed, in ticks of a hundredth (man 5 proc, /proc/pid/stat).
fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    ticks.filter_map(|tick| tick.parse::<f64>().ok()).sum::<f64>() / 100.0
}

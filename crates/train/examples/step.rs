//! Training steps of one network on one device, timed; the pixels are noise.
//!
//!     cargo run --release -p brazier-train --features cuda --example step -- cuda:0 18 1,28,28 100 float32 20
//!
//! Device (`cpu`, `ndarray`, `cuda:N`; of GPUs nothing is judged beforehand, so that one that `--device` refuses can be tried), depth
//! (`50-v1.5`: in the newer architecture), image shape, batch, number format, steps. Prints the loss of the first three steps, which any other device and program
//! must agree with, the time of the first step, and the median time of a step after the third.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for people"
)]

#[path = "../tests/job/mod.rs"]
mod job;

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use brazier_collective::Single;
use brazier_data::{Batch, Labels};
use brazier_image::InputShape;
use brazier_model::device::{Choice, select};
use brazier_model::{Architecture, Layout, ResNet, initial};
use brazier_train::job::Compute;
use brazier_train::step::{Trainer, Turn};
use burn::tensor::Device;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CLASSES: usize = 10;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [device, depth, shape, batch, compute, steps] = &words[..] else {
        panic!("expected a device, a depth, an image shape, a batch, a number format and a number of steps")
    };
    let extents: Vec<usize> = shape.split(',').map(|extent| extent.parse().unwrap()).collect();
    let extents: [usize; 3] = extents.try_into().unwrap();
    let (images, steps): (usize, usize) = (batch.parse().unwrap(), steps.parse().unwrap());
    let (depth, is_newer) = depth.strip_suffix("-v1.5").map_or((&depth[..], false), |depth| (depth, true));
    let architecture = if is_newer { Architecture::V15 } else { Architecture::V2 };
    let layout = Layout::resnet(depth.parse().unwrap(), extents, CLASSES).unwrap();
    let layout = layout.with_architecture(architecture).unwrap();
    let mut job = job::job(layout, extents, images, Path::new("."));
    job.device = open(device.parse().unwrap());
    job.compute = match compute.as_str() {
        "float32" => Compute::Float32,
        "bfloat16" => Compute::Bfloat16,
        "float16" => Compute::Float16,
        other => panic!("number format '{other}', expected float32, bfloat16 or float16"),
    };

    let network = ResNet::new(&job.layout, &job.device.clone().autodiff());
    let network = initial::initialise(network, &job.layout.head, job.seed);
    let mut link = Single;
    let mut trainer = Trainer::new(&job, network, &mut link);
    let batch = trainer.upload(noise(extents, images));
    let (mut losses, mut times) = (Vec::new(), Vec::new());
    let mut computed = Vec::new();
    for update in 1..=steps.max(1) {
        let before = seconds();
        let clock = Instant::now();
        let seen = trainer.step(Some(batch.clone()), Turn::alone(update, 0.01)).unwrap().seen;
        job.device.sync().unwrap();
        times.push(clock.elapsed().as_secs_f64());
        losses.push(seen.mean_loss());
        computed.push(seconds() - before);
    }
    let mut steady = times.split_off(times.len().min(3));
    steady.sort_by(f64::total_cmp);
    let steady = steady.get(steady.len() / 2).copied().unwrap_or(times[0]);
    computed.sort_by(f64::total_cmp);
    println!("computed {:.2} s a step", computed[computed.len() / 2]);
    println!(
        "brazier {device} resnet{depth} {shape} batch {images} {compute}: first {:.1} s, then {:.2} ms a step, {:.1} images/s, loss {:.6?}",
        times[0],
        steady * 1e3,
        images as f64 / steady,
        &losses[..losses.len().min(3)]
    );
}

/// The device, unjudged if it is a GPU.
fn open(choice: Choice) -> Device {
    #[cfg(feature = "cuda")]
    if let Choice::Cuda(index) = choice {
        return Device::cuda(index.unwrap_or(0));
    }
    select(choice).unwrap().devices.swap_remove(0)
}

/// Seconds that this process has computed, in ticks of a hundredth (man 5 proc, /proc/pid/stat).
fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    ticks.filter_map(|tick| tick.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn noise([channels, height, width]: [usize; 3], images: usize) -> Batch {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut pixels = vec![0; images * channels * height * width];
    random.fill(&mut pixels[..]);
    Batch {
        pixels,
        labels: Labels::Classes((0..images).map(|image| (image % CLASSES) as i64).collect()),
        shape: InputShape::new(channels as u32, height as u32, width as u32),
        origins: Vec::new(),
    }
}

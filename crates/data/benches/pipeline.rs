//! Images per second through the training pipeline: read, decode, augment, batch.
//!
//!     cargo bench -p brazier-data --bench pipeline -- --rec FILE [--workers N] [--task resize|asis] [--passes N]
//!
//! `resize` is `augmentation_type=crop` with `resize=256` and `image_shape=3,224,224`; `asis` decodes grey images of
//! 28 x 28. Batches of 64. Prints a line per pass, `Pass[n] images=N seconds=S rss_kb=M`; pass 0 is a warm-up. The script
//! `scripts/bench/pipeline` runs it beside its peers.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::env;
use std::sync::Arc;
use std::time::Instant;

use brazier_data::{ChannelFiles, Loader, Options, Share, TrainPlan, open};
use brazier_image::{Augmentation, InputShape, TrainTransform};

const BATCH: usize = 64;

fn main() {
    let argument = |name: &str| {
        let mut given = env::args().skip_while(|given| given != name);
        given.nth(1)
    };
    // `cargo test --benches` runs this too, with no data to show for it.
    let Some(directory) = argument("--rec") else { return println!("skipped: no --rec FILE was given") };
    let number = |name: &str, default: usize| argument(name).map_or(default, |text| text.parse().unwrap());
    let transform =
        transform(&argument("--task").unwrap_or("resize".into()), argument("--fast-decode").is_some());

    // The file alone, whatever lies beside it.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(std::fs::canonicalize(directory).unwrap(), folder.path().join("train.rec"))
        .unwrap();
    let files = ChannelFiles { name: "train".into(), directory: folder.path().into(), list_directory: None };
    let dataset = Arc::new(open(&files, &Options::default()).unwrap());
    let steps = dataset.source.len() / BATCH;
    let loader = Loader::new(dataset, number("--workers", 1)).unwrap();
    for pass in 0..=number("--passes", 6) {
        let plan = TrainPlan {
            seed: 1,
            epoch: pass as u64,
            steps,
            start_step: 0,
            share: Share::whole(BATCH),
            shuffle: true,
        };
        let start = Instant::now();
        let images: usize =
            loader.train_epoch(&transform, plan).unwrap().map(|batch| batch.unwrap().len()).sum();
        println!(
            "Pass[{pass}] images={images} seconds={:.6} rss_kb={}",
            start.elapsed().as_secs_f64(),
            resident()
        );
    }
}

/// Resident memory that is the process's own, in KiB: without the pages of the mapped file, which the system may drop.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}

fn transform(task: &str, fast_decode: bool) -> TrainTransform {
    match task {
        "asis" => TrainTransform {
            shape: InputShape::new(1, 28, 28),
            resize: None,
            augmentation: Augmentation::None,
            fast_decode,
        },
        _ => TrainTransform {
            shape: InputShape::new(3, 224, 224),
            resize: Some(256),
            augmentation: Augmentation::Crop,
            fast_decode,
        },
    }
}

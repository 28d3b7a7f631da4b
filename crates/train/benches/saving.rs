//! What a checkpoint costs: the time that training stands still, and the time until it is on the disk.
//!
//!     cargo bench --workspace --bench saving
//!
//! A ResNet-50 for 1,000 classes with momentum is saved several times, in turn with a plain write and fsync of as many bytes. Asked: the
//! save takes less than 1.5 times as long, and training stands still for less than 50 ms.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use brazier_checkpoint::folder::Folder;
use brazier_checkpoint::state::Section;
use brazier_model::parameters::{Kind, Map, map};
use brazier_model::{Layout, ResNet, initial};
use brazier_train::checkpoint::state::State;
use brazier_train::checkpoint::tensors::{Moments, collect, collect_moments};
use brazier_train::checkpoint::{Position, Snapshot};
use brazier_train::loss_scale::LossScale;
use brazier_train::run::Outcome;
use burn::tensor::{Device, Tensor};

const RUNS: usize = 9;

fn main() {
    let device = Device::flex();
    let layout = Layout::resnet(50, [3, 224, 224], 1000).unwrap();
    let network = initial::initialise(ResNet::new(&layout, &device), &layout.head, 1);
    let moments = momentum(&network, &layout.head);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Folder::open(&folder.path().join("checkpoints")).unwrap();
    let (mut stalls, mut making, mut saves, mut plain, mut bytes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0);
    for run in 0..RUNS {
        making.push(make(snapshot(&network, &layout.head, &moments)));
        let clock = Instant::now();
        let snapshot = snapshot(&network, &layout.head, &moments);
        stalls.push(clock.elapsed());
        let clock = Instant::now();
        let path = checkpoints.commit(run as u64, &snapshot.state, snapshot.parts).unwrap();
        saves.push(clock.elapsed());
        bytes = path.metadata().unwrap().len();
        checkpoints.retain(&[], true).unwrap();
        plain.push(write_and_sync(&folder.path().join("plain"), bytes as usize));
    }
    let (stall, make, save, plain) = (median(stalls), median(making), median(saves), median(plain));
    println!("bytes                 {bytes}");
    println!("training stands still {:.3} ms (asked: < 50)", stall.as_secs_f64() * 1e3);
    println!("save                  {:.3} s", save.as_secs_f64());
    println!("bytes without a disk  {:.3} s", make.as_secs_f64());
    println!("plain write and fsync {:.3} s", plain.as_secs_f64());
    println!("ratio                 {:.2} (asked: < 1.5)", save.as_secs_f64() / plain.as_secs_f64());
}

/// The part of a save that is not the disk's.
fn make(snapshot: Snapshot) -> Duration {
    let clock = Instant::now();
    snapshot.parts.into_iter().for_each(|part| part.write(&mut std::io::sink()).unwrap());
    clock.elapsed()
}

/// A moment of the shape of every tensor.
fn momentum(network: &ResNet, head: &str) -> Moments {
    let mut moments = Moments::new();
    map(network.clone(), head, &mut Halves(&mut moments));
    moments
}

struct Halves<'a>(&'a mut Moments);

impl Map for Halves<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, _kind: Kind, value: Tensor<D>) -> Tensor<D> {
        self.0.insert(name.to_owned(), vec![value.clone().reshape([-1]) * 0.5]);
        value
    }
}

/// What the training thread does.
fn snapshot(network: &ResNet, head: &str, moments: &Moments) -> Snapshot {
    let mut parts = Vec::new();
    collect(network.clone(), head, "network", &mut parts);
    collect_moments(moments, &mut parts);
    let state = State {
        identity: BTreeMap::new(),
        ranks: 1,
        batch: 1,
        step_images: 1,
        hyperparameters: BTreeMap::new(),
        position: Position::default(),
        updates: 0,
        average_updates: 0,
        loss_scale: LossScale::none(),
        watch: None,
        outcome: Outcome::default(),
        summary: Default::default(),
        weights: Vec::new(),
        metadata: None,
    };
    Snapshot { update: 0, state, parts }
}

fn write_and_sync(path: &Path, bytes: usize) -> Duration {
    let content = vec![7; bytes];
    let clock = Instant::now();
    let mut file = File::create(path).unwrap();
    file.write_all(&content).unwrap();
    file.sync_all().unwrap();
    let time = clock.elapsed();
    std::fs::remove_file(path).unwrap();
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

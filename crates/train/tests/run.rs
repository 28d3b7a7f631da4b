//! The loop over real channels: what it leaves, and what several ranks agree on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod job;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use brazier_collective::{Collective, Single, Threads};
use brazier_data::{ChannelFiles, Loader, Options, open};
use brazier_image::{Pixels, encode};
use brazier_model::Layout;
use brazier_model::artifact::Artifact;
use brazier_model::parameters::export;
use brazier_train::job::Pace;
use brazier_train::report::{Event, Report, Silent};
use brazier_train::schedule::Decay;
use brazier_train::seen::Seen;
use brazier_train::{Channels, Job, Outcome, run};

const SHAPE: [usize; 3] = [1, 8, 8];

/// Twelve images in two class folders: a bright left half, or a bright right half, with a little noise.
fn samples(folder: &Path) -> Loader {
    for (class, name) in ["left", "right"].iter().enumerate() {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..6u8 {
            let pixel = |at: u8| if (at % 8 / 4) as usize == class { 200 + number } else { 20 + at % 7 };
            let pixels = Pixels::new(8, 8, 1, (0..64).map(pixel).collect()).unwrap();
            fs::write(folder.join(format!("{number}.png")), encode::png(&pixels).unwrap()).unwrap();
        }
    }
    let files = ChannelFiles { name: "train".into(), directory: folder.into(), list_directory: None };
    Loader::new(Arc::new(open(&files, &Options::default()).unwrap()), 1).unwrap()
}

fn small(folder: &Path, batch: usize) -> Job {
    job::job(Layout::resnet(20, SHAPE, 2).unwrap(), SHAPE, batch, folder)
}

fn train(job: &Job, loader: &Loader, collective: &mut dyn Collective, stop: bool) -> Outcome {
    let channels = Channels { train: loader, validation: Some(loader) };
    run(job, &channels, collective, &mut Silent, &AtomicBool::new(stop)).unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn only_the_best_epoch_stays_and_the_same_seed_gives_the_same_bytes() {
    let (data, one, two) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let loader = samples(data.path());
    let outcome = train(&small(one.path(), 4), &loader, &mut Single, false);
    train(&small(two.path(), 4), &loader, &mut Single, false);
    assert_eq!((outcome.epochs, outcome.stopped), (2, false));
    let weights = outcome.weights.unwrap();
    let file = weights.file_name().unwrap().to_str().unwrap().to_owned();
    let fixed = ["brazier.json", "image-classification-symbol.json", "model-shapes.json"];
    let expected = fixed.into_iter().chain([file.as_str()]).map(str::to_owned).collect();
    assert_eq!(names(one.path()), expected);
    assert_eq!(fs::read(&weights).unwrap(), fs::read(two.path().join(file)).unwrap());
}

#[test]
fn a_checkpoint_frequency_keeps_each_file() {
    let (data, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let loader = samples(data.path());
    let job = Job { checkpoint_frequency: Some(1), ..small(model.path(), 4) };
    train(&job, &loader, &mut Single, false);
    let names = names(model.path());
    assert!(names.contains("image-classification-0001.params"), "{names:?}");
    assert!(names.contains("image-classification-0002.params"), "{names:?}");
}

#[test]
fn the_last_good_weights_stay_when_a_run_diverges() {
    let data = tempfile::tempdir().unwrap();
    let loader = samples(data.path());
    for (validation, checkpoint_frequency) in [(Some(&loader), None), (None, None), (Some(&loader), Some(1))]
    {
        let model = tempfile::tempdir().unwrap();
        let mut job = Job { epochs: 4, checkpoint_frequency, ..small(model.path(), 4) };
        // The second half takes steps that no number can hold.
        job.schedule.decay = Decay::Steps { factor: 1e38, epochs: vec![2] };
        let channels = Channels { train: &loader, validation };
        let outcome = run(&job, &channels, &mut Single, &mut Silent, &AtomicBool::new(false)).unwrap();
        assert_eq!((outcome.epochs, outcome.stopped), (4, false));
        let file = |name: String| (name.clone(), fs::read(model.path().join(name)).unwrap());
        let artifact = Artifact::read(names(model.path()).into_iter().map(file).collect()).unwrap();
        let network = artifact.into_network(&job.device).unwrap();
        let mut values =
            export(&network, &job.layout.head).into_iter().flat_map(|parameter| parameter.values);
        assert!(values.all(f32::is_finite), "{:?}", outcome.weights);
    }
}

#[test]
fn told_to_stop_it_leaves_a_whole_artifact() {
    let (data, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outcome = train(&small(model.path(), 4), &samples(data.path()), &mut Single, true);
    assert!(outcome.stopped);
    assert_eq!(outcome.epochs, 0);
    assert_eq!(names(model.path()).len(), 4);
}

#[test]
fn an_epoch_shorter_than_a_step_is_refused() {
    let (data, model) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let loader = samples(data.path());
    let channels = Channels { train: &loader, validation: None };
    let error = run(&small(model.path(), 25), &channels, &mut Single, &mut Silent, &AtomicBool::new(false));
    let message = error.unwrap_err().to_string();
    assert!(message.contains("bigger or equal to the mini_batch_size"), "{message}");
    assert!(message.contains("24") && message.contains("25"), "{message}");
}

#[test]
fn two_ranks_share_the_batch_and_only_the_first_writes() {
    let data = tempfile::tempdir().unwrap();
    let loader = samples(data.path());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let outcomes = thread::scope(|scope| {
        let ranks: Vec<_> = Threads::connect(2)
            .into_iter()
            .zip(&folders)
            .map(|(mut rank, folder)| {
                let loader = &loader;
                scope.spawn(move || train(&small(folder.path(), 2), loader, &mut rank, false))
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<Vec<_>>()
    });
    // Validation is split and summed: both ranks know the same accuracy.
    assert_eq!(outcomes[0].best, outcomes[1].best);
    assert_eq!(names(folders[0].path()).len(), 4);
    assert!(names(folders[1].path()).is_empty());
}

/// What the epochs saw, in training and in validation.
#[derive(Default)]
struct Epochs(Vec<Seen>);

impl Report for Epochs {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Trained(trained) => self.0.push(trained.seen),
            Event::Validated(validation) => self.0.push(validation.seen),
            _ => {}
        }
    }
}

/// As on a GPU: figures are fetched every third step of four, and the last batch of two images is filled up to five.
#[test]
fn what_is_fetched_late_and_filled_up_is_the_same() {
    let data = tempfile::tempdir().unwrap();
    let loader = samples(data.path());
    let train = |pace, stop| {
        let model = tempfile::tempdir().unwrap();
        let job = Job { pace, ..small(model.path(), 5) };
        let channels = Channels { train: &loader, validation: Some(&loader) };
        let mut epochs = Epochs::default();
        let outcome = run(&job, &channels, &mut Single, &mut epochs, &AtomicBool::new(stop)).unwrap();
        (fs::read(outcome.weights.unwrap()).unwrap(), outcome.best, epochs.0)
    };
    let late = Pace { read_every: 3, whole_batches: true };
    let (expected, found) = (train(Pace::CPU, false), train(late, false));
    assert!(found.0 == expected.0 && found.1 == expected.1);
    assert_eq!((found.2.len(), found.2[1].samples), (4, 12));
    for (found, expected) in found.2.iter().zip(&expected.2) {
        assert!((found.loss - expected.loss).abs() < 1e-9 * expected.loss, "{found:?} {expected:?}");
        assert_eq!(Seen { loss: 0.0, ..*found }, Seen { loss: 0.0, ..*expected });
    }
    assert!(train(late, true).0 == train(Pace::CPU, true).0);
}

//! Batches do not depend on threads or on where a run was resumed, and every failure ends the stream with its name.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brazier_data::{Batch, Cursor, DataError, Dataset, Loader, Origin, Sample, Share, Source, TrainPlan};
use brazier_image::{Augmentation, InputShape, Preprocess, TrainTransform};
use fixture::{Input, labelled, png, record_file, records};

const SHAPE: InputShape = InputShape::new(1, 2, 2);
const PLAN: TrainPlan =
    TrainPlan { seed: 5, epoch: 1, steps: 6, start_step: 0, share: Share::whole(4), shuffle: true };

fn crop() -> TrainTransform {
    TrainTransform { shape: SHAPE, resize: None, augmentation: Augmentation::Crop, fast_decode: false }
}

fn loader(dataset: Dataset, threads: usize) -> Loader {
    Loader::new(Arc::new(dataset), threads).unwrap()
}

fn from_records(count: u8) -> Dataset {
    let input = Input::new();
    input.write("train/train.rec", record_file(count, 3));
    // The mapping outlives the directory.
    input.train().unwrap()
}

fn epoch(threads: usize, plan: TrainPlan) -> Vec<Batch> {
    loader(from_records(20), threads).train_epoch(&crop(), plan).unwrap().map(Result::unwrap).collect()
}

#[test]
fn pixels_depend_neither_on_threads_nor_on_resuming() {
    let whole = epoch(1, PLAN);
    assert_eq!(whole.len(), 6);
    assert!(whole.iter().all(|batch| batch.len() == 4 && batch.pixels.len() == 16 && batch.shape == SHAPE));
    assert_eq!(epoch(2, PLAN), whole);
    assert_eq!(epoch(2, TrainPlan { start_step: 4, ..PLAN }), whole[4..]);
    assert_ne!(epoch(1, TrainPlan { epoch: 2, ..PLAN }), whole);
    assert_ne!(epoch(1, TrainPlan { seed: 6, ..PLAN }), whole);
}

#[test]
fn a_cursor_saved_at_any_step_goes_on_with_the_rest() {
    let whole = epoch(1, PLAN);
    for step in 0..=PLAN.steps as u64 {
        let saved = serde_json::to_string(&Cursor { epoch: PLAN.epoch, step }).unwrap();
        let cursor: Cursor = serde_json::from_str(&saved).unwrap();
        let rest = epoch(2, TrainPlan { epoch: cursor.epoch, start_step: cursor.step as usize, ..PLAN });
        assert_eq!(rest, whole[cursor.step as usize..], "step {step}");
    }
}

#[test]
fn hosts_with_shards_of_their_own_see_the_whole_together() {
    // Two hosts of two ranks; the second host's shard begins at image 20.
    let mut seen = Vec::new();
    for (host, first) in [0_u8, 20].into_iter().enumerate() {
        let input = Input::new();
        let payloads: Vec<_> = (first..first + 20).map(|number| labelled(0.0, &png(number))).collect();
        input.write("train/shard.rec", records(&payloads).0);
        for local in 0..2 {
            let share = Share::new(host * 2 + local, 4, 20).within_shard(2);
            let plan = TrainPlan { steps: 2, share, ..PLAN };
            let transform = TrainTransform {
                shape: InputShape::new(1, 3, 3),
                augmentation: Augmentation::None,
                ..crop()
            };
            let batches = loader(input.train().unwrap(), 1).train_epoch(&transform, plan).unwrap();
            seen.extend(
                batches.flat_map(|batch| {
                    batch.unwrap().pixels.chunks(9).map(|image| image[0]).collect::<Vec<_>>()
                }),
            );
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<u8>>());
}

#[test]
fn augmentation_differs_between_epochs_for_the_same_sample() {
    let stored = TrainPlan { shuffle: false, ..PLAN };
    let first = epoch(1, stored);
    let second = epoch(1, TrainPlan { epoch: 2, ..stored });
    assert_eq!(first[0].labels, second[0].labels);
    assert_ne!(first[0].pixels, second[0].pixels);
}

#[test]
fn two_ranks_do_the_work_of_one() {
    let one = epoch(1, PLAN);
    let rank = |rank| epoch(1, TrainPlan { share: Share::new(rank, 2, 4), ..PLAN });
    for ((one, first), second) in one.iter().zip(rank(0)).zip(rank(1)) {
        assert_eq!(one.pixels, [first.pixels, second.pixels].concat());
        assert_eq!(
            one.labels.classes().unwrap(),
            [first.labels.classes().unwrap(), second.labels.classes().unwrap()].concat()
        );
    }
}

#[test]
fn evaluation_yields_every_sample_in_order() {
    let loader = loader(from_records(7), 2);
    let batches: Vec<Batch> = loader
        .evaluation(&Preprocess::center_crop(SHAPE, None), Share::whole(3))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(
        batches.iter().flat_map(|batch| batch.labels.classes().unwrap().to_vec()).collect::<Vec<_>>(),
        [0, 1, 2, 0, 1, 2, 0]
    );
    // Image 6 holds 6, 7, 8, 9, ... and its top left 2 x 2 is the centre crop.
    assert_eq!(batches[2].pixels, [6, 7, 9, 10]);
}

#[test]
fn an_unreadable_image_is_named_and_ends_the_stream() {
    let input = Input::new();
    let payloads: Vec<_> =
        (0..8).map(|n| if n >= 5 { labelled(0.0, b"GIF89a, cut") } else { labelled(0.0, &png(n)) }).collect();
    let (bytes, offsets) = records(&payloads);
    input.write("train/train.rec", bytes);
    let loader = loader(input.train().unwrap(), 2);
    let mut batches = loader.evaluation(&Preprocess::squash(SHAPE), Share::whole(4)).unwrap();
    assert!(batches.next().unwrap().is_ok());
    let error = batches.next().unwrap().unwrap_err();
    // Records 5, 6 and 7 are all broken: the first is reported.
    let expected = format!("train.rec, record 5 at byte {}: cannot decode the gif image: ", offsets[5]);
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(error.is_user_fault());
    assert!(batches.next().is_none());
}

/// A source that counts reads and panics at one sample.
#[derive(Debug)]
struct Brittle {
    reads: Arc<AtomicUsize>,
    panics_at: usize,
}

impl Source for Brittle {
    fn len(&self) -> usize {
        1_000_000
    }

    fn read(&self, index: usize) -> Result<Sample<'_>, DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert!(index != self.panics_at, "out of cheese");
        Ok(Sample { labels: vec![0.0].into(), encoded: png(0).into() })
    }

    fn labels(&self, _: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(vec![0.0].into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(Origin::File { path: format!("image {index}").into() })
    }
}

fn brittle(panics_at: usize) -> (Loader, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let source = Box::new(Brittle { reads: Arc::clone(&reads), panics_at });
    (loader(Dataset::new(source, String::new()), 2), reads)
}

#[test]
fn a_panic_in_a_worker_is_an_error() {
    let (loader, _) = brittle(3);
    let mut batches = loader.evaluation(&Preprocess::squash(SHAPE), Share::whole(2)).unwrap();
    assert!(batches.next().unwrap().is_ok());
    let error = batches.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "image 3: decoding failed unexpectedly: out of cheese");
    assert!(!error.is_user_fault());
    assert!(batches.next().is_none());
}

#[test]
fn dropping_the_batches_stops_the_producer() {
    let (loader, reads) = brittle(usize::MAX);
    let mut batches = loader.evaluation(&Preprocess::squash(SHAPE), Share::whole(10)).unwrap();
    batches.next().unwrap().unwrap();
    drop(batches);
    // The producer is joined: one batch taken, two waiting, one handed over in vain. Threads still finish an image.
    let read = reads.load(Ordering::Relaxed);
    assert!(read <= 50, "{read} samples read");
    // One batch of everything: the flag is seen within the batch too.
    drop(loader.evaluation(&Preprocess::squash(SHAPE), Share::whole(1_000_000)).unwrap());
    assert!(reads.load(Ordering::Relaxed) < 500_000);
}

#[test]
fn waiting_is_counted() {
    let loader = loader(from_records(4), 1);
    let mut batches = loader.evaluation(&Preprocess::squash(SHAPE), Share::whole(4)).unwrap();
    assert!(batches.waited().is_zero());
    batches.next().unwrap().unwrap();
    assert!(!batches.waited().is_zero());
}

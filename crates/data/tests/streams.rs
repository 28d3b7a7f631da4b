//! Pipe mode, with a writer that behaves like the platform: a pipe per pass, made late, and cut off when closed early.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

mod fixture;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use brazier_data::{Batch, Damage, DataError, LabelFormat, Labels, Loader, Share, Stream, Target, TrainPlan};
use brazier_image::{Augmentation, InputShape, Preprocess, TrainTransform};
use brazier_mxnet::recordio::Writer;
use fixture::{Input, labelled, png, record_file, records};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const SHAPE: InputShape = InputShape::new(1, 3, 3);
const PLAN: TrainPlan =
    TrainPlan { seed: 5, epoch: 0, steps: 5, start_step: 0, share: Share::whole(4), shuffle: false };

/// Writes one pipe after the other, each made only when the one before it is done, as the platform may do it.
fn platform(prefix: PathBuf, passes: Vec<Vec<u8>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for (number, bytes) in passes.into_iter().enumerate() {
            let path = pipe(&prefix, number);
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            let mut pipe = File::options().write(true).open(&path).unwrap();
            // Small writes, so that records cross them. A reader that closes early is no fault.
            for piece in bytes.chunks(37) {
                if pipe.write_all(piece).is_err() {
                    break;
                }
            }
            drop(pipe);
            std::fs::remove_file(path).unwrap();
        }
    })
}

fn pipe(prefix: &Path, number: usize) -> PathBuf {
    prefix.with_file_name(format!("{}_{number}", prefix.file_name().unwrap().to_str().unwrap()))
}

fn stream(input: &Input) -> Stream {
    let prefix = input.path().join("train");
    Stream::new("train", prefix, Arc::new(AtomicBool::new(false))).with_patience(Duration::from_secs(20))
}

fn loader(stream: Stream) -> Loader {
    Loader::new(Arc::new(stream), 2).unwrap()
}

fn plain() -> TrainTransform {
    TrainTransform { shape: SHAPE, resize: None, augmentation: Augmentation::None, fast_decode: false }
}

fn train(loader: &Loader, plan: TrainPlan) -> Result<Vec<Batch>, DataError> {
    loader.train_epoch(&plain(), plan)?.collect()
}

/// The first pixel of every image: the number it was made with.
fn firsts(batches: &[Batch]) -> Vec<u8> {
    batches.iter().flat_map(|batch| batch.pixels.chunks(9).map(|image| image[0])).collect()
}

fn pairs(samples: &[(u8, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (number, label) in samples {
        writer.write(&png(*number)).unwrap();
        writer.write(label.as_bytes()).unwrap();
    }
    writer.into_inner()
}

#[test]
fn each_epoch_reads_a_pipe_of_its_own_in_its_order() {
    let input = Input::new();
    let writer = platform(input.path().join("train"), vec![record_file(20, 3); 3]);
    let loader = loader(stream(&input));
    for epoch in 0..2 {
        let batches = train(&loader, TrainPlan { epoch, ..PLAN }).unwrap();
        assert_eq!(firsts(&batches), (0..20).collect::<Vec<u8>>());
        assert_eq!(batches[1].labels, Labels::Classes(vec![1, 2, 0, 1]));
    }
    let evaluated = loader.evaluation(&Preprocess::center_crop(SHAPE, None), Share::whole(6)).unwrap();
    let batches: Vec<Batch> = evaluated.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [6, 6, 6, 2]);
    assert_eq!(firsts(&batches), (0..20).collect::<Vec<u8>>());
    writer.join().unwrap();
}

#[test]
fn a_short_pass_is_followed_by_the_next_and_a_long_one_is_closed_early() {
    let input = Input::new();
    let passes = vec![record_file(7, 3), record_file(200, 3), record_file(4, 3)];
    let writer = platform(input.path().join("train"), passes);
    let loader = loader(stream(&input));
    let expected: Vec<u8> = (0..7).chain(0..13).collect();
    assert_eq!(firsts(&train(&loader, PLAN).unwrap()), expected);
    assert_eq!(firsts(&train(&loader, TrainPlan { steps: 1, ..PLAN }).unwrap()), [0, 1, 2, 3]);
    writer.join().unwrap();
}

#[test]
fn shuffling_is_a_function_of_seed_epoch_and_stream_and_resuming_goes_on_where_it_was() {
    let epoch = |plan: TrainPlan| {
        let input = Input::new();
        let writer = platform(input.path().join("train"), vec![record_file(20, 3)]);
        let batches = train(&loader(stream(&input)), plan).unwrap();
        writer.join().unwrap();
        batches
    };
    let shuffled = TrainPlan { shuffle: true, ..PLAN };
    let whole = epoch(shuffled);
    let mut sorted = firsts(&whole);
    assert_ne!(sorted, (0..20).collect::<Vec<u8>>());
    sorted.sort_unstable();
    assert_eq!(sorted, (0..20).collect::<Vec<u8>>());
    assert_eq!(epoch(shuffled), whole);
    assert_eq!(epoch(TrainPlan { start_step: 3, ..shuffled }), whole[3..]);
    assert_ne!(epoch(TrainPlan { epoch: 1, ..shuffled }), whole);
    let rank = |rank| epoch(TrainPlan { share: Share::new(rank, 2, 4), ..shuffled });
    for ((one, first), second) in whole.iter().zip(rank(0)).zip(rank(1)) {
        assert_eq!(one.pixels, [first.pixels, second.pixels].concat());
    }
}

#[test]
fn ranks_evaluate_every_sample_once() {
    let mut seen = Vec::new();
    for rank in 0..3 {
        let input = Input::new();
        let writer = platform(input.path().join("train"), vec![record_file(11, 3)]);
        let share = Share::new(rank, 3, 6);
        let loader = loader(stream(&input));
        let batches = loader.evaluation(&Preprocess::center_crop(SHAPE, None), share).unwrap();
        seen.extend(firsts(&batches.map(Result::unwrap).collect::<Vec<_>>()));
        writer.join().unwrap();
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..11).collect::<Vec<u8>>());
}

#[test]
fn an_augmented_manifest_is_pairs_of_image_and_label() {
    let input = Input::new();
    let samples = pairs(&[(0, "2"), (1, "\"1\""), (2, "0"), (3, "2.0")]);
    let writer = platform(input.path().join("train"), vec![samples]);
    let batches = train(&loader(stream(&input)), TrainPlan { steps: 1, ..PLAN }).unwrap();
    assert_eq!(batches[0].labels, Labels::Classes(vec![2, 1, 0, 2]));
    assert_eq!(firsts(&batches), [0, 1, 2, 3]);
    writer.join().unwrap();
}

#[test]
fn several_labels_come_as_ones_and_zeros_or_as_class_numbers() {
    for (format, texts) in [
        (LabelFormat::MultiHot, ["[1, 0, 1]", "\"[0, 1, 0]\""]),
        (LabelFormat::ClassId, ["[0, 2]", "\"[1]\""]),
    ] {
        let input = Input::new();
        let samples = pairs(&[(0, texts[0]), (1, texts[1])]);
        let writer = platform(input.path().join("train"), vec![samples]);
        let mut stream = stream(&input);
        stream.label_format = format;
        let loader = loader(stream).with_target(Target::MultiHot { classes: 3 });
        let plan = TrainPlan { steps: 1, share: Share::whole(2), ..PLAN };
        let expected = Labels::MultiHot { classes: 3, values: vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0] };
        assert_eq!(train(&loader, plan).unwrap()[0].labels, expected);
        writer.join().unwrap();
    }
}

/// What a stream of these bytes ends with.
fn refused(bytes: Vec<u8>) -> String {
    let input = Input::new();
    let writer = platform(input.path().join("train"), vec![bytes]);
    let error = train(&loader(stream(&input)), PLAN).unwrap_err();
    writer.join().unwrap();
    assert!(error.is_user_fault(), "{error}");
    error.to_string()
}

#[test]
fn what_is_no_stream_of_samples_says_where_and_why() {
    let empty = refused(Vec::new());
    assert!(empty.starts_with("train_0: Got empty batch from pipe."), "{empty}");
    let unwrapped = refused(png(0));
    assert!(unwrapped.starts_with("train_0: no record begins at byte 0"), "{unwrapped}");
    let whole = record_file(3, 3);
    let cut = refused(whole[..whole.len() - 8].to_vec());
    assert!(cut.starts_with("train_0: record file ends inside the record data at byte "), "{cut}");
    let foreign = refused(records(&[b"<html>".to_vec()]).0);
    assert!(
        foreign.starts_with("train_0, sample 0 at byte 0: the first record begins with 3c 68"),
        "{foreign}"
    );
    let images = refused(records(&[png(0), png(1)]).0);
    assert!(images.contains("a png image stands where the image's label should be"), "{images}");
    let half = refused(records(&[png(0)]).0);
    assert!(half.contains("the pipe ends where the image's label should be"), "{half}");
    let word = refused(pairs(&[(0, "cat")]));
    assert!(word.contains("label \"cat\": expected a number"), "{word}");
}

#[test]
fn damaged_images_can_be_left_out() {
    let mut payloads: Vec<Vec<u8>> = (0..8).map(|number| labelled(0.0, &png(number))).collect();
    let broken = &png(5)[..20];
    payloads[5] = labelled(0.0, broken);
    let bytes = records(&payloads).0;
    let message = refused(bytes.clone());
    assert!(message.starts_with("train_0, sample 5 at byte "), "{message}");

    let input = Input::new();
    let writer = platform(input.path().join("train"), vec![bytes.clone(), bytes]);
    let mut stream = stream(&input);
    stream.damage = Damage::Skip;
    let loader = loader(stream);
    let batches = train(&loader, TrainPlan { steps: 2, ..PLAN }).unwrap();
    assert_eq!(firsts(&batches), [0, 1, 2, 3, 4, 6, 7, 4]);
    assert!(loader.news().unwrap().starts_with("1 damaged samples left out so far: train_0, sample 5"));
    let evaluated = loader.evaluation(&Preprocess::center_crop(SHAPE, None), Share::whole(4)).unwrap();
    let batches: Vec<Batch> = evaluated.map(Result::unwrap).collect();
    assert_eq!(firsts(&batches), [0, 1, 2, 3, 4, 6, 7]);
    writer.join().unwrap();
}

#[test]
fn a_damaged_frame_can_be_left_out() {
    let payloads: Vec<Vec<u8>> = (0..5).map(|number| labelled(0.0, &png(number))).collect();
    let (mut bytes, offsets) = records(&payloads);
    bytes[offsets[2] as usize] ^= 1;
    let message = refused(bytes.clone());
    assert!(message.starts_with(&format!("train_0: no record begins at byte {}", offsets[2])), "{message}");

    let input = Input::new();
    let writer = platform(input.path().join("train"), vec![bytes]);
    let mut stream = stream(&input);
    stream.damage = Damage::Skip;
    let loader = loader(stream);
    assert_eq!(firsts(&train(&loader, TrainPlan { steps: 1, ..PLAN }).unwrap()), [0, 1, 3, 4]);
    assert!(loader.news().unwrap().contains("train_0: no record begins at byte "));
    writer.join().unwrap();
}

#[test]
fn a_pipe_that_never_comes_is_an_error_and_waiting_ends_when_told() {
    let input = Input::new();
    let soon = loader(stream(&input).with_patience(Duration::ZERO));
    let message = train(&soon, PLAN).unwrap_err().to_string();
    assert!(message.contains("train_0 did not appear within 0 seconds"), "{message}");

    let stop = Arc::new(AtomicBool::new(false));
    let waiting = loader(Stream::new("train", input.path().join("train"), Arc::clone(&stop)));
    let mut batches = waiting.train_epoch(&plain(), PLAN).unwrap();
    stop.store(true, Ordering::Relaxed);
    assert!(matches!(batches.next(), Some(Err(DataError::Stopped))));
    // Dropping batches that nobody feeds does not wait for the platform either.
    drop(loader(stream(&input)).train_epoch(&plain(), PLAN).unwrap());
}

/// The ranks of one host see what those of hosts of their own see.
#[test]
fn the_ranks_of_a_host_share_a_pipe() {
    // Seven images a step: three and four.
    let plan = |rank| TrainPlan { steps: 3, share: Share::new(rank, 2, 7), shuffle: true, ..PLAN };
    let evaluate = |loader: &Loader, rank| {
        loader.evaluation(&Preprocess::center_crop(SHAPE, None), Share::new(rank, 2, 7)).unwrap()
    };
    let passes = || vec![record_file(21, 3), record_file(11, 3)];
    let apart: Vec<_> = (0..2)
        .map(|rank| {
            let input = Input::new();
            let writer = platform(input.path().join("train"), passes());
            let loader = loader(stream(&input));
            let trained = train(&loader, plan(rank)).unwrap();
            let evaluated: Vec<Batch> = evaluate(&loader, rank).map(Result::unwrap).collect();
            writer.join().unwrap();
            (trained, evaluated)
        })
        .collect();
    let input = Input::new();
    let writer = platform(input.path().join("train"), passes());
    let shared = loader(stream(&input)).with_ranks(2);
    let together: Vec<_> = thread::scope(|scope| {
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let rank = |rank| {
            let (shared, barrier) = (&shared, Arc::clone(&barrier));
            scope.spawn(move || {
                let trained = train(shared, plan(rank)).unwrap();
                barrier.wait();
                (trained, evaluate(shared, rank).map(Result::unwrap).collect::<Vec<_>>())
            })
        };
        [0, 1].map(rank).map(|rank| rank.join().unwrap()).into()
    });
    writer.join().unwrap();
    assert!(together == apart);
    let mut seen = [firsts(&together[0].1), firsts(&together[1].1)].concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..11).collect::<Vec<u8>>());
}

//! Damaged samples end the job, or are left out and counted.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use std::sync::Arc;

use brazier_data::{Access, Batch, Damage, Dataset, Loader, Options, Share, TrainPlan, images, labels, open};
use brazier_image::{Augmentation, InputShape, Limits, Preprocess, TrainTransform};
use fixture::{Input, contents, labelled, png, record_file, records};

const SHAPE: InputShape = InputShape::new(1, 3, 3);
const SKIP: Options = Options {
    damage: Damage::Skip,
    classes: None,
    label_format: brazier_data::LabelFormat::MultiHot,
    access: Access::Mapped,
};

/// Twelve records of which 3, 4 and 9 hold no whole image.
fn broken_images() -> Input {
    let image =
        |number: u8| if [3, 4, 9].contains(&number) { png(number)[..30].to_vec() } else { png(number) };
    let payloads: Vec<_> = (0..12).map(|number| labelled(0.0, &image(number))).collect();
    let input = Input::new();
    input.write("train/train.rec", records(&payloads).0);
    input
}

fn firsts(batches: &[Batch]) -> Vec<u8> {
    batches.iter().flat_map(|batch| batch.pixels.chunks(9).map(|image| image[0])).collect()
}

#[test]
fn the_next_whole_sample_takes_the_place_in_training_and_none_in_validation() {
    let dataset = open(&broken_images().channel("train", None), &SKIP).unwrap();
    labels::check(&dataset, brazier_data::Target::Class { classes: 2 }).unwrap();
    images::check(&dataset, 12, &Limits::default()).unwrap();
    let loader = Loader::new(Arc::new(dataset), 2).unwrap();
    let transform =
        TrainTransform { shape: SHAPE, resize: None, augmentation: Augmentation::None, fast_decode: false };
    let plan =
        TrainPlan { seed: 0, epoch: 0, steps: 3, start_step: 0, share: Share::whole(4), shuffle: false };
    let batches: Vec<Batch> = loader.train_epoch(&transform, plan).unwrap().map(Result::unwrap).collect();
    assert_eq!(firsts(&batches), [0, 1, 2, 5, 5, 5, 6, 7, 8, 10, 10, 11]);
    let news = loader.news().unwrap();
    assert!(news.starts_with("3 damaged samples left out so far: "), "{news}");
    assert!(news.contains("train.rec, record 9 at byte "), "{news}");

    let evaluated = loader.evaluation(&Preprocess::center_crop(SHAPE, None), Share::whole(2)).unwrap();
    let batches: Vec<Batch> = evaluated.map(Result::unwrap).collect();
    assert_eq!(firsts(&batches), [0, 1, 2, 5, 6, 7, 8, 10, 11]);
    assert!(batches.iter().all(|batch| batch.len() == batch.pixels.len() / 9 && !batch.is_empty()));
    assert_eq!(loader.news(), None);
}

#[test]
fn a_channel_without_one_whole_image_is_refused_all_the_same() {
    let input = Input::new();
    input.write("train/train.rec", records(&vec![labelled(0.0, b"GIF89a?"); 3]).0);
    let dataset = open(&input.channel("train", None), &SKIP).unwrap();
    let message = images::check(&dataset, 64, &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("all of its samples are damaged, the first: train.rec, record 0"), "{message}");
    let loader = Loader::new(Arc::new(dataset), 1).unwrap();
    let transform =
        TrainTransform { shape: SHAPE, resize: None, augmentation: Augmentation::None, fast_decode: false };
    let plan =
        TrainPlan { seed: 0, epoch: 0, steps: 1, start_step: 0, share: Share::whole(2), shuffle: true };
    let message = loader.train_epoch(&transform, plan).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(message.contains("all of its samples are damaged"), "{message}");
}

#[test]
fn a_damaged_frame_loses_its_record_and_no_other() {
    let payloads: Vec<_> = (0..5).map(|number| labelled(0.0, &png(number))).collect();
    let (mut bytes, offsets) = records(&payloads);
    bytes[offsets[2] as usize] ^= 1;
    let input = Input::new();
    input.write("train/train.rec", bytes);
    let dataset = open(&input.channel("train", None), &SKIP).unwrap();
    let numbers: Vec<u8> = contents(&dataset).into_iter().map(|(_, first)| first).collect();
    assert_eq!(numbers, [0, 1, 3, 4]);
    let news = dataset.skipped.news().unwrap();
    let lost = offsets[3] - offsets[2];
    let expected = format!("train.rec: {lost} bytes at byte {} are lost: no record begins", offsets[2]);
    assert!(news.contains(&expected), "{news}");
}

#[test]
fn listed_images_that_are_missing_are_left_out() {
    let input = Input::new();
    input.write("train/a.png", png(1));
    input.write("train/b.png", "");
    input.write("train/train.lst", "0\t0\ta.png\n1\t1\tb.png\n2\t1\tc.png\n");
    let dataset = open(&input.channel("train", None), &SKIP).unwrap();
    assert_eq!(contents(&dataset), [(0.0, 1)]);
    let news = dataset.skipped.news().unwrap();
    assert!(news.contains("b.png (train.lst line 2)") && news.contains("c.png (train.lst line 3)"), "{news}");
}

/// The same samples, read piece by piece.
fn positioned(input: &Input) -> Dataset {
    open(&input.channel("train", None), &Options { access: Access::Positioned, ..Options::default() })
        .unwrap()
}

#[test]
fn records_read_piece_by_piece_are_those_of_the_mapping() {
    let input = Input::new();
    let mut payloads: Vec<_> = (0..9).map(|number| labelled(f32::from(number % 3), &png(number))).collect();
    // One that is cut at a magic, with the image behind it.
    payloads
        .push([&labelled(1.0, &png(9))[..], &[0; 3], &brazier_mxnet::recordio::MAGIC.to_le_bytes()].concat());
    let (bytes, offsets) = records(&payloads);
    input.write("train/train.rec", &bytes);
    let mapped = contents(&input.train().unwrap());
    assert_eq!(mapped.len(), 10);
    assert_eq!(contents(&positioned(&input)), mapped);

    // The index says where records begin: here, that there are four.
    let index: String = [7, 0, 4, 2].iter().map(|at: &usize| format!("{at}\t{}\n", offsets[*at])).collect();
    input.write("train/train.idx", index);
    let four: Vec<_> = [0, 2, 4, 7].map(|at| mapped[at]).into();
    assert_eq!(contents(&positioned(&input)), four);
    // One of another file is not believed.
    input.write("train/train.idx", "0\t0\n1\t999999\n");
    assert_eq!(contents(&positioned(&input)), mapped);
}

#[test]
fn record_files_are_known_by_their_first_bytes_and_found_in_folders() {
    let input = Input::new();
    input.write("train/part-00000", record_file(3, 3));
    input.write("train/notes.md", "# not data");
    let dataset = input.train().unwrap();
    assert_eq!(dataset.description, "train: 3 records in part-00000, 1 other file passed over (.md)");

    let input = Input::new();
    input.write("train/year/2024/a.rec", record_file(3, 3));
    input.write("train/year/2025/b.rec", record_file(2, 3));
    assert_eq!(input.train().unwrap().source.len(), 5);
}

#[test]
fn damage_at_the_same_byte_of_two_files_counts_twice_however_they_are_read() {
    let input = Input::new();
    for (file, first) in [("a", 0), ("b", 10)] {
        let payloads: Vec<_> = (first..first + 3).map(|number| labelled(0.0, &png(number))).collect();
        let (mut bytes, offsets) = records(&payloads);
        bytes[offsets[1] as usize] ^= 1;
        input.write(&format!("train/{file}.rec"), bytes);
    }
    for access in [Access::Mapped, Access::Positioned] {
        let dataset = open(&input.channel("train", None), &Options { access, ..SKIP }).unwrap();
        assert_eq!(dataset.skipped.count(), 2);
        let numbers: Vec<u8> = contents(&dataset).into_iter().map(|(_, number)| number).collect();
        assert_eq!(numbers, [0, 2, 10, 12], "{access:?}");
    }
}

#[test]
fn an_image_that_a_manifest_names_in_vain_is_left_out_and_a_channel_of_such_says_so() {
    let input = Input::new();
    input.write("train/1.png", png(1));
    let line = |name: &str| format!("{{\"source-ref\": \"s3://bucket/{name}\", \"class\": 0}}\n");
    input.write("train/train.manifest", line("1.png") + &line("gone.png"));
    let dataset = open(&input.channel("train", None), &SKIP).unwrap();
    assert_eq!((dataset.source.len(), dataset.skipped.count()), (1, 1));

    input.write("train/train.manifest", line("gone.png"));
    let message = open(&input.channel("train", None), &SKIP).unwrap_err().to_string();
    assert!(message.contains("all of its samples are damaged, the first: s3://bucket/gone.png"), "{message}");
}

//! The thread that uploads: the same batches, one ahead, over several epochs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brazier_data::{Batch, Batches, ChannelFiles, Loader, Options, Share, TrainPlan, open};
use brazier_image::{Augmentation, InputShape, Pixels, TrainTransform, encode};
use brazier_train::upload::Uploader;
use burn::tensor::Device;

/// Twelve grey images, each of another shade.
fn loader(folder: &Path) -> Loader {
    for number in 0..12u8 {
        let folder = folder.join(if number % 2 == 0 { "even" } else { "odd" });
        fs::create_dir_all(&folder).unwrap();
        let pixels = Pixels::new(3, 3, 1, vec![number * 20; 9]).unwrap();
        fs::write(folder.join(format!("{number}.png")), encode::png(&pixels).unwrap()).unwrap();
    }
    let files = ChannelFiles { name: "train".into(), directory: folder.into(), list_directory: None };
    Loader::new(Arc::new(open(&files, &Options::default()).unwrap()), 1).unwrap()
}

fn batches(loader: &Loader, epoch: u64) -> Batches {
    let shape = InputShape::new(1, 3, 3);
    let transform =
        TrainTransform { shape, resize: None, augmentation: Augmentation::None, fast_decode: false };
    let plan = TrainPlan { seed: 1, epoch, steps: 4, start_step: 0, share: Share::whole(3), shuffle: true };
    loader.train_epoch(&transform, plan).unwrap()
}

#[test]
fn what_arrives_is_what_was_decoded_epoch_by_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(folder.path());
    let uploader = Uploader::new(Device::flex()).unwrap();
    for epoch in 0..3 {
        let expected: Vec<Batch> = batches(&loader, epoch).map(Result::unwrap).collect();
        let mut uploads = uploader.begin(batches(&loader, epoch));
        for expected in &expected {
            let uploaded = uploads.next().unwrap().unwrap();
            assert_eq!(uploaded.bytes.dims(), [3, 3, 3, 1]);
            assert_eq!(uploaded.bytes.into_data().iter::<u8>().collect::<Vec<_>>(), expected.pixels);
            assert_eq!(uploaded.truth.len(), 3);
        }
        assert!(uploads.next().is_none() && expected.len() == 4);
    }
}

#[test]
fn an_epoch_given_up_ends_and_the_next_begins() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(folder.path());
    let uploader = Uploader::new(Device::flex()).unwrap();
    let mut uploads = uploader.begin(batches(&loader, 0));
    uploads.next().unwrap().unwrap();
    drop(uploads);
    assert_eq!(uploader.begin(batches(&loader, 1)).count(), 4);
    let clock = Instant::now();
    drop(uploader);
    assert!(clock.elapsed() < Duration::from_secs(4), "{:?}", clock.elapsed());
}

#[test]
fn an_image_that_cannot_be_read_is_told_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let loader = loader(folder.path());
    fs::write(folder.path().join("odd/3.png"), b"no image").unwrap();
    let uploader = Uploader::new(Device::flex()).unwrap();
    let errors: Vec<_> = uploader.begin(batches(&loader, 0)).filter_map(Result::err).collect();
    assert!(errors.len() == 1 && errors[0].to_string().contains("3.png"), "{errors:?}");
}

//! A preview shows what training sees, and a sheet holds what it is given.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use std::sync::Arc;

use brazier_data::preview::{Look, Sheet, channels_first, each};
use brazier_data::{DataError, Loader, Share, TrainPlan};
use brazier_image::{Augmentation, InputShape, TrainTransform};
use fixture::{Input, record_file};

const LOOK: Look = Look { seed: 3, epoch: 2, shuffle: false, count: 7 };

fn shown(look: Look, augmentation: Augmentation) -> Vec<(Vec<u8>, Vec<usize>)> {
    let input = Input::new();
    input.write("train/train.rec", record_file(10, 3));
    let dataset = Arc::new(input.train().unwrap());
    let transform =
        TrainTransform { shape: InputShape::new(1, 2, 2), resize: None, augmentation, fast_decode: false };
    let mut shown = Vec::new();
    each(&dataset, &transform, look, |number, pixels, classes| {
        assert_eq!(number, shown.len());
        shown.push((pixels.to_vec(), classes.to_vec()));
        Ok::<(), DataError>(())
    })
    .unwrap();
    shown
}

#[test]
fn samples_come_as_stored_with_centre_crops() {
    let expected: Vec<_> = (0..7).map(|n| (vec![n, n + 1, n + 3, n + 4], vec![usize::from(n % 3)])).collect();
    assert_eq!(shown(LOOK, Augmentation::None), expected);
    assert_eq!(shown(Look { count: 99, ..LOOK }, Augmentation::None).len(), 10);
    assert!(shown(Look { count: 0, ..LOOK }, Augmentation::None).is_empty());
}

#[test]
fn an_epoch_is_shown_as_it_is_trained() {
    let input = Input::new();
    input.write("train/train.rec", record_file(10, 3));
    let loader = Loader::new(Arc::new(input.train().unwrap()), 2).unwrap();
    let augmentation = Augmentation::Crop;
    let transform =
        TrainTransform { shape: InputShape::new(1, 2, 2), resize: None, augmentation, fast_decode: false };
    let share = Share::whole(3);
    let plan = TrainPlan { seed: 3, epoch: 2, steps: 3, start_step: 0, share, shuffle: true };
    let trained: Vec<(Vec<u8>, Vec<usize>)> = loader
        .train_epoch(&transform, plan)
        .unwrap()
        .map(Result::unwrap)
        .flat_map(|batch| {
            batch
                .pixels
                .chunks(4)
                .enumerate()
                .map(|(at, image)| (image.to_vec(), batch.labels.of(at)))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(shown(Look { shuffle: true, ..LOOK }, augmentation), trained[..7]);
}

#[test]
fn small_pictures_are_enlarged_and_captioned() {
    let shape = InputShape::new(3, 2, 1);
    let mut sheet = Sheet::new(shape, 5).unwrap();
    assert_eq!(sheet.places(), 5);
    sheet.put(4, &[1, 2, 3, 4, 5, 6], "l");
    sheet.put(5, &[9; 6], "no place");
    let sheet = sheet.into_pixels().unwrap();
    // Three columns of 48 + 8, two rows of 96 + 2 + 8 + 8.
    assert_eq!((sheet.width(), sheet.height(), sheet.channels()), (8 + 3 * 56, 8 + 2 * 114, 3));
    let at = |x: usize, y: usize| &sheet.data()[(y * sheet.width() as usize + x) * 3..][..3];
    let (left, top) = (8 + 56, 8 + 114);
    assert_eq!(
        (at(left, top), at(left + 47, top + 47), at(left, top + 48)),
        (&[1, 2, 3][..], &[1, 2, 3][..], &[4, 5, 6][..])
    );
    assert_eq!((at(left + 48, top), at(left - 1, top)), (&[224; 3][..], &[224; 3][..]));
    // The letter l: two dots above, three below.
    let row = |y: usize| (0..6).filter(|x| at(left + x, top + 98 + y) == [0; 3]).collect::<Vec<_>>();
    assert_eq!((row(0), row(3), row(6)), (vec![1, 2], vec![2], vec![1, 2, 3]));
    assert!(!sheet.data().contains(&9));
}

#[test]
fn a_sheet_is_bounded() {
    let sheet = Sheet::new(InputShape::new(1, 224, 224), 10_000).unwrap();
    // 8192 pixels hold 35 columns of 232 and 32 rows of 250.
    assert_eq!(sheet.places(), 35 * 32);
    let sheet = sheet.into_pixels().unwrap();
    assert!(sheet.width() <= 8192 && sheet.height() <= 8192);
    let high = Sheet::new(InputShape::new(1, 2000, 10), 30).unwrap();
    assert_eq!(high.places(), 30);
    assert!(Sheet::new(InputShape::new(1, 1, 9000), 1).is_err());
    assert!(Sheet::new(InputShape::new(1, u32::MAX, u32::MAX), usize::MAX).is_err());
}

#[test]
fn channels_come_first_for_numpy() {
    let shape = InputShape::new(3, 1, 2);
    assert_eq!(channels_first(shape, &[1, 2, 3, 4, 5, 6]), [1, 4, 2, 5, 3, 6]);
    assert_eq!(channels_first(InputShape::new(1, 1, 2), &[1, 2]), [1, 2]);
}

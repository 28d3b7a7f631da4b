//! `preview` against the images themselves.

use std::fs;
use std::path::Path;

use brazier_image::{Limits, decode};
use npyz::{NpyFile, Order};
use tempfile::tempdir;

use crate::harness::{CLASSES, SIDE, Told, image, run, write_records};

fn preview(channel: &Path, flags: &[&str]) -> Told {
    run(["preview", channel.to_str().unwrap()].into_iter().chain(flags.iter().copied()))
}

fn pixels(encoded: &[u8]) -> Vec<u8> {
    decode(encoded, 1, &Limits::default()).unwrap().into_data()
}

/// Shape and values of a uint8 array in C order.
fn read(path: &str) -> (Vec<u64>, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let array = NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.order(), Order::C);
    (array.shape().to_vec(), array.into_vec().unwrap())
}

#[test]
fn the_array_holds_the_channel_in_its_order() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_records(&folder.path().join("data/train/train.rec"), 2);
    let (sheet, array) = (path("sheet.png"), path("batch.npy"));
    let flags = ["--image-shape", "1,8,8", "--out", &sheet, "--npy", &array];
    let told = preview(&folder.path().join("data"), &flags);
    assert_eq!(told.code, 0, "{}", told.err);
    let side = SIDE as usize;
    // Classes take turns in the file.
    let all: Vec<u8> = (0..6).flat_map(|at| pixels(&image(at % CLASSES.len(), at / CLASSES.len()))).collect();
    assert_eq!(read(&array), (vec![6, 1, 8, 8], all.clone()));

    let told = preview(&folder.path().join("data"), &[&flags[..], &["--count", "2"]].concat());
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(read(&array), (vec![2, 1, 8, 8], all[..2 * side * side].to_vec()));
    assert!(told.out.contains("sheet.png: 2 samples\n"), "{}", told.out);

    // Three channels stand one after the other; the centre is cut out.
    let flags = ["--image-shape", "3,4,6", "--out", &sheet, "--npy", &array, "--count", "1"];
    assert_eq!(preview(&folder.path().join("data"), &flags).code, 0);
    let cut: Vec<u8> = (2..6).flat_map(|row| all[row * side + 1..row * side + 7].to_vec()).collect();
    assert_eq!(read(&array), (vec![1, 3, 4, 6], cut.repeat(3)));
}

#[test]
fn the_sheet_shows_every_picture() {
    let folder = tempdir().unwrap();
    write_records(&folder.path().join("train.rec"), 2);
    let sheet = folder.path().join("sheet.png");
    let flags = ["--image-shape", "1,8,8", "--out", sheet.to_str().unwrap()];
    assert_eq!(preview(folder.path(), &flags).code, 0);
    let shown = decode(&fs::read(&sheet).unwrap(), 1, &Limits::default()).unwrap();
    // Three columns and two rows of 96 x 96 pictures, 8 around each and 10 for the caption.
    assert_eq!((shown.width(), shown.height()), (8 + 3 * 104, 8 + 2 * 114));
    let width = shown.width() as usize;
    let picture = |column: usize, row: usize| -> Vec<u8> {
        let at =
            |x: usize, y: usize| shown.data()[(8 + row * 114 + y * 12) * width + 8 + column * 104 + x * 12];
        (0..64).map(|place| at(place % 8, place / 8)).collect()
    };
    assert_eq!((picture(1, 0), picture(2, 1)), (pixels(&image(1, 0)), pixels(&image(2, 1))));
}

#[test]
fn an_epoch_has_its_own_order_and_crops() {
    let folder = tempdir().unwrap();
    write_records(&folder.path().join("train.rec"), 8);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (sheet, array) = (path("sheet.png"), path("batch.npy"));
    let seen = |more: &[&str]| {
        let flags = ["--image-shape", "1,6,6", "--out", &sheet, "--npy", &array];
        let told = preview(folder.path(), &[&flags[..], more].concat());
        assert_eq!(told.code, 0, "{}", told.err);
        fs::read(&array).unwrap()
    };
    let crop = ["--augmentation-type", "crop", "--shuffle"];
    let first = seen(&crop);
    assert_eq!(seen(&crop), first);
    for change in [["--epoch", "1"], ["--seed", "7"]] {
        assert!(seen(&[&crop[..], &change[..]].concat()) != first, "{change:?} changes what is seen");
    }
    assert!(seen(&crop[..2]) != first && seen(&[]) != seen(&crop[..2]));
}

#[test]
fn wrong_requests_are_refused() {
    let folder = tempdir().unwrap();
    write_records(&folder.path().join("train.rec"), 1);
    let out = folder.path().join("sheet.png");
    let out = out.to_str().unwrap();
    for (flags, code, words) in [
        (vec!["--image-shape", "1,8,8", "--out", out, "--augmentation-type", "flip"], 64, "crop"),
        (vec!["--image-shape", "2,8,8", "--out", out], 64, "channels,height,width"),
        (vec!["--image-shape", "1,8,8", "--out", "/no/such/folder/sheet.png"], 2, "sheet.png"),
        (vec!["--image-shape", "3,90000,90000", "--out", out], 2, "too large"),
    ] {
        let told = preview(folder.path(), &flags);
        assert_eq!(told.code, code, "{flags:?}: {}", told.err);
        assert!(told.err.contains(words), "{}", told.err);
    }
}

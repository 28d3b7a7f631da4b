//! Labels are checked before training, with the sample, the value and the range in the message.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use brazier_data::{Dataset, labels};
use brazier_mxnet::image_record::ImageRecord;
use fixture::{Input, labelled, png, record_file, records};

fn one(payload: Vec<u8>) -> Dataset {
    let input = Input::new();
    input.write("train/train.rec", records(&[payload]).0);
    input.train().unwrap()
}

#[test]
fn classes_are_counted() {
    let input = Input::new();
    input.write("train/train.rec", record_file(5, 3));
    let dataset = input.train().unwrap();
    assert_eq!(labels::check(&dataset, 4).unwrap(), [2, 2, 1, 0]);
    assert_eq!(labels::count_classes(&dataset).unwrap(), 3);
    input.write("train/classes.txt", "a\nb\nc\nd");
    assert_eq!(labels::count_classes(&input.train().unwrap()).unwrap(), 4);
}

#[test]
fn a_label_out_of_range_is_named() {
    let input = Input::new();
    input.write("train/train.rec", record_file(3, 3));
    let error = labels::check(&input.train().unwrap(), 2).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("train.rec, record 2 at byte "), "{message}");
    assert!(
        message.ends_with("label 2 is not a class number, expected a whole number from 0 to 1"),
        "{message}"
    );
    assert!(error.is_user_fault());
}

#[test]
fn a_label_that_is_no_class_number_is_refused() {
    for label in [-1.0, 0.5, f32::NAN, f32::INFINITY, 16_777_216.0] {
        let dataset = one(labelled(label, &png(0)));
        assert!(labels::check(&dataset, 10).is_err(), "{label}");
        assert!(labels::count_classes(&dataset).is_err(), "{label}");
    }
}

#[test]
fn one_label_in_a_vector_will_do_and_several_will_not() {
    let single = one(ImageRecord::vector(vec![3.0], 0, &png(0)).encode());
    assert_eq!(labels::count_classes(&single).unwrap(), 4);
    let several = one(ImageRecord::vector(vec![0.0, 1.0], 0, &png(0)).encode());
    let message = labels::check(&several, 2).unwrap_err().to_string();
    assert_eq!(message, "train.rec, record 0 at byte 0: found 2 labels, expected one class number");
}

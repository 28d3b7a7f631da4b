//! Labels are checked before training, with the sample, the value and the range in the message.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use brazier_data::{Dataset, LabelFormat, Target, labels};
use brazier_mxnet::image_record::ImageRecord;
use fixture::{Input, labelled, png, record_file, records};

fn class(classes: usize) -> Target {
    Target::Class { classes }
}

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
    assert_eq!(labels::check(&dataset, class(4)).unwrap(), [2, 2, 1, 0]);
    assert_eq!(labels::count_classes(&dataset).unwrap(), 3);
    input.write("train/classes.txt", "a\nb\nc\nd");
    assert_eq!(labels::count_classes(&input.train().unwrap()).unwrap(), 4);
}

#[test]
fn a_label_out_of_range_is_named() {
    let input = Input::new();
    input.write("train/train.rec", record_file(3, 3));
    let error = labels::check(&input.train().unwrap(), class(2)).unwrap_err();
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
        assert!(labels::check(&dataset, class(10)).is_err(), "{label}");
        assert!(labels::count_classes(&dataset).is_err(), "{label}");
    }
}

#[test]
fn one_label_in_a_vector_will_do_and_several_will_not() {
    let single = one(ImageRecord::vector(vec![3.0], 0, &png(0)).encode());
    assert_eq!(labels::count_classes(&single).unwrap(), 4);
    let several = one(ImageRecord::vector(vec![0.0, 1.0], 0, &png(0)).encode());
    let message = labels::check(&several, class(2)).unwrap_err().to_string();
    assert_eq!(message, "train.rec, record 0 at byte 0: found 2 labels, expected one class number");
}

#[test]
fn several_labels_are_counted_by_class_when_they_are_wanted() {
    let several = one(ImageRecord::vector(vec![0.0, 1.0, 1.0], 0, &png(0)).encode());
    assert_eq!(labels::check(&several, Target::MultiHot { classes: 3 }).unwrap(), [0, 1, 1]);
    let message = labels::check(&several, Target::MultiHot { classes: 5 }).unwrap_err().to_string();
    assert!(message.contains("multi-label data (3) and the num_classes parameter (5)."), "{message}");
    let half = one(ImageRecord::vector(vec![0.5, 1.0], 0, &png(0)).encode());
    let message = labels::check(&half, Target::MultiHot { classes: 2 }).unwrap_err().to_string();
    assert!(message.contains("label 0.5 "), "{message}");
}

#[test]
fn class_numbers_become_a_row_of_zeros_and_ones() {
    let mut numbers = one(ImageRecord::vector(vec![4.0, 0.0], 0, &png(0)).encode());
    numbers.label_format = LabelFormat::ClassId;
    assert_eq!(labels::check(&numbers, Target::MultiHot { classes: 5 }).unwrap(), [1, 0, 0, 0, 1]);
    assert!(labels::check(&numbers, Target::MultiHot { classes: 4 }).is_err());
}

//! A channel whose images cannot be decoded is refused before training.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test is a panic")]

mod fixture;

use std::borrow::Cow;

use brazier_data::{DataError, Dataset, Origin, Sample, Source, images};
use brazier_image::Limits;
use fixture::{Input, labelled, png, records};

/// Five records; those of `broken` hold no image.
fn check(broken: &[u8], at_most: usize) -> Result<(), DataError> {
    let image = |n| if broken.contains(&n) { b"<html>404".to_vec() } else { png(n) };
    let payloads: Vec<_> = (0..5).map(|n| labelled(0.0, &image(n))).collect();
    let input = Input::new();
    input.write("train/train.rec", records(&payloads).0);
    images::check(&input.train().unwrap(), at_most, &Limits::default())
}

#[test]
fn the_first_broken_image_looked_at_is_named() {
    let error = check(&[2, 4], 5).unwrap_err();
    assert!(matches!(error, DataError::Image { .. }), "{error}");
    assert!(error.to_string().starts_with("train.rec, record 2 at byte "), "{error}");
    assert!(error.is_user_fault());
}

#[test]
fn first_middle_and_last_are_looked_at_and_no_more_than_asked_for() {
    for broken in [0, 2, 4] {
        check(&[broken], 3).unwrap_err();
    }
    check(&[1, 3], 3).unwrap();
    check(&[], 100).unwrap();
    check(&[0, 1, 2, 3, 4], 0).unwrap();
}

#[test]
fn limits_hold() {
    let input = Input::new();
    input.write("train/cat/1.png", png(1));
    let dataset = input.train().unwrap();
    let limits = Limits { max_pixels: 8, ..Limits::default() };
    let message = images::check(&dataset, 1, &limits).unwrap_err().to_string();
    assert!(message.starts_with("cat/1.png: "), "{message}");
}

/// A source whose one sample panics.
#[derive(Debug)]
struct Brittle;

impl Source for Brittle {
    fn len(&self) -> usize {
        1
    }

    fn read(&self, _: usize) -> Result<Sample<'_>, DataError> {
        panic!("out of cheese")
    }

    fn labels(&self, _: usize) -> Result<Cow<'_, [f32]>, DataError> {
        Ok(vec![0.0].into())
    }

    fn origin(&self, index: usize) -> Result<Origin, DataError> {
        Ok(Origin::File { path: format!("image {index}").into() })
    }
}

#[test]
fn a_panic_is_an_error_as_in_training() {
    let dataset = Dataset::new(Box::new(Brittle), String::new());
    let message = images::check(&dataset, 1, &Limits::default()).unwrap_err().to_string();
    assert_eq!(message, "image 0: decoding failed unexpectedly: out of cheese");
}

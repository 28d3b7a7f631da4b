//! What can be loaded and what cannot.

use std::collections::BTreeMap;
use std::error::Error;

use brazier_checkpoint::archive::pack;
use brazier_image::{InputShape, Preprocess};
use brazier_model::{artifact, metadata};
use brazier_serve::PredictError;

use crate::fixture::{SHAPE, expected, files, load, metadata, model, write};

/// The whole chain of causes.
fn refusal(files: &BTreeMap<String, Vec<u8>>) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(files, folder.path());
    let error = load(folder.path()).err().expect("the model is loaded");
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn without(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files();
    files.remove(name).unwrap();
    files
}

fn with(name: &str, content: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut files = files();
    files.insert(name.to_owned(), content);
    files
}

#[test]
fn a_packed_model_answers_as_the_folder_does() {
    let folder = model();
    let wanted = expected(&load(folder.path()).unwrap(), 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let packed = elsewhere.path().join("model.tar.gz");
    pack(&files(), &packed).unwrap();
    assert_eq!(expected(&load(&packed).unwrap(), 1), wanted);
    // The archive is alone in its folder.
    assert_eq!(expected(&load(elsewhere.path()).unwrap(), 1), wanted);
    // Local mode mounts both, and the job's output with them.
    pack(&without(artifact::SHAPES_FILE), &folder.path().join("model.tar.gz")).unwrap();
    std::fs::write(folder.path().join("output.tar.gz"), "anything").unwrap();
    assert_eq!(expected(&load(folder.path()).unwrap(), 1), wanted);
}

#[test]
fn a_missing_file_is_named() {
    let params = artifact::params_file(2);
    assert!(refusal(&without(&params)).contains("image-classification-NNNN.params"));
    assert!(refusal(&without(artifact::SYMBOL_FILE)).contains(artifact::SYMBOL_FILE));
    assert!(refusal(&without(artifact::SHAPES_FILE)).contains(artifact::SHAPES_FILE));
    assert!(refusal(&BTreeMap::new()).contains("no file"));
    let nowhere = load("/nowhere/at/all".as_ref()).err().unwrap();
    assert!(nowhere.source().unwrap().to_string().contains("/nowhere/at/all"));
}

#[test]
fn an_old_model_squashes_images_and_numbers_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    write(&without(metadata::FILE), folder.path());
    let old = load(folder.path()).unwrap();
    assert_eq!((old.shape(), old.classes(), old.class_names()), (SHAPE, 3, None));
    assert_eq!(old.class_name(2), "2");
    let wide = brazier_image::encode::png(&wide()).unwrap();
    let squashed = old.preprocess(&wide).unwrap();
    let cropped = load(model().path()).unwrap().preprocess(&wide).unwrap();
    assert!(squashed.contains(&255), "the edge of the image is still there");
    assert!(!cropped.contains(&255), "the edge of the image is cut off");
}

/// Twice as wide as high, white at the left edge.
fn wide() -> brazier_image::Pixels {
    let row = (0..24).map(|x| if x < 5 { 255 } else { 0 });
    brazier_image::Pixels::new(24, 12, 1, row.cycle().take(24 * 12).collect()).unwrap()
}

#[test]
fn metadata_that_contradicts_the_network_is_refused() {
    let other = metadata(Preprocess::squash(InputShape::new(1, 14, 12)));
    let text = refusal(&with(metadata::FILE, other.encode().unwrap()));
    assert!(text.contains("brazier.json") && text.contains("1,14,12") && text.contains("1,12,12"), "{text}");

    let mut other = metadata(Preprocess::squash(SHAPE));
    other.class_names = Some(vec!["one".into()]);
    let text = refusal(&with(metadata::FILE, other.encode().unwrap()));
    assert!(text.contains("names 1 classes") && text.contains("has 3"), "{text}");

    let mut other = metadata(Preprocess::squash(SHAPE));
    other.preprocessing = serde_json::json!({"fit": "stretch"});
    assert!(refusal(&with(metadata::FILE, other.encode().unwrap())).contains("preprocessing"));
}

#[test]
fn a_batch_gives_each_image_its_own_answer() {
    let predictor = load(model().path()).unwrap();
    let pixels: Vec<u8> =
        (0..3).flat_map(|number| predictor.preprocess(&crate::fixture::png(number)).unwrap()).collect();
    let answers = predictor.predict(pixels, 3).unwrap();
    for (number, answer) in (0..).zip(&answers) {
        crate::fixture::assert_near(&serde_json::json!(answer), &expected(&predictor, number));
    }
    assert_eq!(predictor.predict(Vec::new(), 0), Ok(Vec::new()));
    assert_eq!(predictor.predict(vec![0; 145], 1), Err(PredictError::Pixels { found: 145, expected: 144 }));
}

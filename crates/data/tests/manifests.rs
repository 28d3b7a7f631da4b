//! Augmented manifests and MNIST's files as channels.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod fixture;

use std::io::Write;

use brazier_data::{Dataset, LabelFormat, Options, Target, labels, open};
use fixture::{Input, contents, png};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The channel, which has to outlive its dataset, and what opening it says.
fn manifest(lines: &str) -> (Input, Result<Dataset, String>) {
    let input = Input::new();
    input.write("train/cats/1.png", png(10));
    input.write("train/2.png", png(20));
    input.write("train/train.manifest", lines);
    let opened = input.train().map_err(|error| error.to_string());
    (input, opened)
}

#[test]
fn images_are_found_by_the_end_of_their_address_and_names_in_the_metadata() {
    let (_input, dataset) = manifest(
        r#"{"source-ref": "s3://bucket/some/where/cats/1.png", "class": "1", "class-metadata": {"class-name": "cat"}}

{"source-ref": "s3://bucket/2.png", "class": 0, "class-metadata": {"class-name": "dog", "confidence": 0.9}}"#,
    );
    let dataset = dataset.unwrap();
    assert_eq!(dataset.description, "train: 2 images listed in the augmented manifest train.manifest");
    assert_eq!(contents(&dataset), [(1.0, 10), (0.0, 20)]);
    assert_eq!(dataset.class_names.unwrap(), ["dog", "cat"]);
    assert_eq!(dataset.source.origin(1).unwrap().to_string(), "2.png (train.manifest line 3)");
}

#[test]
fn several_labels_are_read_in_both_forms() {
    let (_input, dataset) = manifest(
        r#"{"source-ref": "cats/1.png", "kinds": [1, 0, 1], "kinds-metadata": {"class-map": {"0": "a", "2": "c", "1": "b"}}}
{"source-ref": "s3://b/2.png", "kinds": "[0, 1, 1]"}"#,
    );
    let mut dataset = dataset.unwrap();
    assert_eq!(labels::check(&dataset, Target::MultiHot { classes: 3 }).unwrap(), [1, 1, 2]);
    assert_eq!(dataset.class_names.clone().unwrap(), ["a", "b", "c"]);
    dataset.label_format = LabelFormat::ClassId;
    assert_eq!(labels::check(&dataset, Target::MultiHot { classes: 3 }).unwrap(), [2, 2, 0]);
}

#[test]
fn an_unusable_line_is_named() {
    let wrong =
        |line: &str| manifest(&format!("{{\"source-ref\": \"2.png\", \"class\": 0}}\n{line}")).1.unwrap_err();
    for (line, reason) in [
        ("[1]", "not a JSON object"),
        (r#"{"class": 1}"#, "no attribute whose name ends in '-ref'"),
        (r#"{"source-ref": "2.png"}"#, "no attribute holds a label"),
        (r#"{"source-ref": "2.png", "a": 1, "b": 2}"#, "several attributes may hold the label (a, b)"),
        (r#"{"source-ref": "2.png", "class": "cat"}"#, "attribute 'class' is \"cat\", expected a number"),
        (
            r#"{"source-ref": "s3://b/3.png", "class": 1}"#,
            "s3://b/3.png (train.manifest line 2): there is no such image file in ",
        ),
        // The image lies below a folder that this address does not tell.
        (
            r#"{"source-ref": "1.png", "class": 1}"#,
            "1.png (train.manifest line 2): there is no such image file in ",
        ),
    ] {
        let message = wrong(line);
        assert!(message.contains("train.manifest line 2") && message.contains(reason), "{message}");
    }
}

/// An IDX file: its header's numbers, then bytes.
fn idx(kind: u8, numbers: &[u32], bytes: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    [&[0, 0, 8, kind][..], &numbers, bytes].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn mnist() -> Input {
    let input = Input::new();
    input.write("all/train-images-idx3-ubyte", idx(3, &[2, 1, 3], &[7, 8, 9, 70, 80, 90]));
    input.write("all/train-labels-idx1-ubyte", idx(1, &[2], &[4, 1]));
    input.write("all/t10k-images-idx3-ubyte.gz", gzip(&idx(3, &[1, 1, 3], &[5, 6, 7])));
    input.write("all/t10k-labels-idx1-ubyte.gz", gzip(&idx(1, &[1], &[9])));
    input
}

#[test]
fn mnist_is_read_as_it_is_published() {
    let input = mnist();
    let open = |name: &str| {
        let files = brazier_data::ChannelFiles { name: name.into(), ..input.channel("all", None) };
        open(&files, &Options::default()).unwrap()
    };
    let train = open("train");
    assert_eq!(train.description, "train: 2 MNIST images in 2 files");
    assert_eq!(contents(&train), [(4.0, 7), (1.0, 70)]);
    let pixels =
        brazier_image::decode(&train.source.read(1).unwrap().encoded, 1, &Default::default()).unwrap();
    assert_eq!((pixels.height(), pixels.width(), pixels.data()), (1, 3, &[70, 80, 90][..]));
    assert_eq!(train.source.origin(1).unwrap().to_string(), "train-images-idx3-ubyte, image 1");
    assert_eq!(contents(&open("validation")), [(9.0, 5)]);
    assert!(brazier_data::channel::holds_two_idx_sets(&input.path().join("all")).unwrap());
}

#[test]
fn files_that_do_not_fit_each_other_are_refused() {
    let refused = |labels: &[u8], images: &[u8]| {
        let input = Input::new();
        input.write("train/train-images-idx3-ubyte", images);
        input.write("train/train-labels-idx1-ubyte", labels);
        input.train().unwrap_err().to_string()
    };
    let images = idx(3, &[2, 1, 1], &[1, 2]);
    let few = refused(&idx(1, &[1], &[4]), &images);
    assert!(few.ends_with("found 1 labels (1 by its header), expected 2, one for each image"), "{few}");
    let cut = refused(&idx(1, &[2], &[4, 1]), &idx(3, &[2, 2, 2], &[0; 7]));
    assert!(cut.ends_with("found 7 bytes of pixels, expected 2 images of 2 x 2, 8 bytes"), "{cut}");
    let input = Input::new();
    input.write("train/train-images-idx3-ubyte", &images);
    let alone = input.train().unwrap_err().to_string();
    assert!(alone.contains("no file of labels beside it"), "{alone}");
}

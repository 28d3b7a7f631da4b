//! Channels in Pipe and FastFile mode, and the rarer forms of a channel, through whole jobs.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use brazier_mxnet::recordio::Writer;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::harness::{CLASSES, OptMl, Told, image, write_records};

/// `RecordIO` of image and label in turns, as the platform sends an augmented manifest.
fn pairs(per_class: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for number in 0..per_class {
        for class in 0..CLASSES.len() {
            writer.write(&image(class, number)).unwrap();
            writer.write(class.to_string().as_bytes()).unwrap();
        }
    }
    writer.into_inner()
}

/// The bytes of a `.rec` file.
pub fn records(per_class: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.rec");
    write_records(&path, per_class);
    fs::read(path).unwrap()
}

/// What the platform does for a channel in Pipe mode: a pipe for each pass, made when the one before is done.
pub fn feed(prefix: PathBuf, bytes: Vec<u8>, passes: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        for pass in 0..passes {
            let path = prefix.with_file_name(format!("{}_{pass}", prefix.file_name().unwrap().display()));
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            // The reader may close early, or never come to the last pass: neither is a fault of the writer.
            let _ = File::options().write(true).open(&path).unwrap().write_all(&bytes);
            fs::remove_file(path).unwrap();
        }
    })
}

pub fn declare(tree: &OptMl, mode: &str, wrapper: &str, content_type: &str) {
    let channel = json!({
        "ContentType": content_type, "TrainingInputMode": mode,
        "S3DistributionType": "FullyReplicated", "RecordWrapperType": wrapper,
    });
    let inputs = json!({ "train": channel, "validation": channel });
    tree.write("input/config/inputdataconfig.json", &inputs.to_string());
}

/// Trains two epochs from pipes of these bytes.
fn piped(train: Vec<u8>, validation: Vec<u8>, wrapper: &str, content_type: &str) -> (OptMl, Told) {
    let tree = OptMl::new(&[]);
    declare(&tree, "Pipe", wrapper, content_type);
    fs::create_dir_all(tree.path("input/data")).unwrap();
    let writers = [feed(tree.channel("train"), train, 2), feed(tree.channel("validation"), validation, 2)];
    let told = tree.train();
    if told.code == 0 {
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    }
    (tree, told)
}

#[test]
fn a_rec_file_trains_through_pipes() {
    let (tree, told) = piped(records(8), records(3), "None", "application/x-recordio");
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for words in [
        "train: streamed through the pipes train_0, train_1, ... (Pipe mode)",
        "validation: streamed through the pipes validation_0",
        "Epoch[1] Validation-accuracy=",
    ] {
        assert!(told.out.contains(words), "no '{words}' in:\n{}", told.out);
    }
    assert!(!told.out.contains("Searching for"), "{}", told.out);
    assert!(tree.weights().starts_with("image-classification-000"));
}

#[test]
fn an_augmented_manifest_trains_through_pipes() {
    let (_tree, told) = piped(pairs(8), pairs(3), "RecordIO", "application/x-image");
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Epoch[1] Train-accuracy="), "{}", told.out);
}

#[test]
fn a_pipe_without_samples_says_what_to_look_at() {
    let (tree, told) = piped(Vec::new(), records(3), "RecordIO", "application/x-recordio");
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.starts_with("ClientError: train_0: Got empty batch from pipe."), "{failure}");
}

#[test]
fn a_label_in_a_pipe_that_is_no_class_names_its_place() {
    let mut writer = Writer::new(Vec::new());
    for label in ["3", "0", "1", "2", "0", "1"] {
        writer.write(&image(0, 0)).unwrap();
        writer.write(label.as_bytes()).unwrap();
    }
    let (tree, told) = piped(writer.into_inner(), records(3), "RecordIO", "application/x-recordio");
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.starts_with("ClientError: train_0, sample 0 at byte 0: label 3 is not"), "{failure}");
}

#[test]
fn fast_file_mode_gives_the_same_model_from_folders_that_cannot_be_written() {
    let file = OptMl::with_records();
    assert_eq!(file.train().code, 0);
    let fast = OptMl::with_records();
    declare(&fast, "FastFile", "None", "application/x-recordio");
    let told = fast.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let weights = |tree: &OptMl| fs::read(tree.path("model").join(tree.weights())).unwrap();
    assert!(weights(&fast) == weights(&file));
    let names: Vec<_> =
        fs::read_dir(fast.channel("train")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["data.rec"]);
}

#[test]
fn a_manifest_in_file_mode_trains_as_its_list_does() {
    let tree = OptMl::with_lists();
    for (name, per_class) in [("train", 8), ("validation", 3)] {
        fs::remove_dir_all(tree.channel(&format!("{name}_lst"))).unwrap();
        let mut lines = String::new();
        for number in 0..per_class {
            for (label, class) in CLASSES.iter().enumerate() {
                let line = json!({
                    "source-ref": format!("s3://bucket/data/{class}/{number}.png"),
                    "kind": label.to_string(),
                    "kind-metadata": { "class-name": class, "type": "groundtruth/image-classification" },
                });
                lines += &format!("{line}\n");
            }
        }
        fs::write(tree.channel(name).join("output.manifest"), lines).unwrap();
    }
    declare(&tree, "File", "None", "application/x-image");
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(
        told.out.contains("train: 24 images listed in the augmented manifest output.manifest"),
        "{}",
        told.out
    );
    assert!(told.out.contains("train images per class: dark 8, half 8, light 8"), "{}", told.out);
    let listed = OptMl::with_lists();
    assert_eq!(listed.train().code, 0);
    let weights = |tree: &OptMl| fs::read(tree.path("model").join(tree.weights())).unwrap();
    assert!(weights(&tree) == weights(&listed));
}

/// A job whose third record holds half an image.
fn damaged() -> OptMl {
    let tree = OptMl::with_lists();
    let path = tree.channel("train").join("light/0.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    tree
}

#[test]
fn damaged_samples_end_the_job_or_are_left_out_and_counted() {
    let tree = damaged();
    let told = tree.train();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(tree.failure().unwrap().starts_with("ClientError: light/0.png (train.lst line 3): "));

    let tree = damaged();
    tree.hyperparameters(&[("damaged_samples", "skip")]);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(
        told.out.matches("1 damaged samples left out so far: light/0.png (train.lst line 3)").count(),
        1
    );
}

#[test]
fn limits_on_images_can_be_set() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[("max_image_pixels", "63")]);
    let told = tree.train();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.ends_with("the image is too large: pixels would be 64, the limit is 63"), "{failure}");
}

#[test]
fn the_order_colours_and_preparation_are_what_the_job_asks_for() {
    let weights = |others: &[(&str, &str)]| {
        let tree = OptMl::with_records();
        tree.hyperparameters(&[&[("epochs", "1")], others].concat());
        let told = tree.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        let about = fs::read_to_string(tree.path("model/brazier.json")).unwrap();
        let about: Value = serde_json::from_str(&about).unwrap();
        (fs::read(tree.path("model").join(tree.weights())).unwrap(), about["preprocessing"].clone())
    };
    let (shuffled, preprocess) = weights(&[]);
    let (stored, _) = weights(&[("shuffle", "False")]);
    assert!(shuffled != stored);
    assert_eq!(preprocess["fit"], "center_crop");
    assert_eq!(weights(&[("compat", "1")]).1["fit"], "squash");
    let mut seen = vec![shuffled];
    for kind in ["crop", "crop_color", "crop_color_transform"] {
        let (augmented, _) = weights(&[("augmentation_type", kind)]);
        assert!(!seen.contains(&augmented), "{kind}");
        seen.push(augmented);
    }
}

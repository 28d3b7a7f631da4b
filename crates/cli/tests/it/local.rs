//! A person's training run.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::{Told, brazier, list, run, write_folders, write_records};

/// Trains `data` in `folder`, one epoch unless `arguments` say otherwise.
fn train(folder: &Path, arguments: &[&str]) -> Told {
    brazier().current_dir(folder).args(["train", "data"]).args(arguments).output().unwrap().into()
}

#[test]
fn class_folders_need_nothing_but_their_path() {
    let folder = tempdir().unwrap();
    write_folders(&folder.path().join("data/train"), 12);
    write_folders(&folder.path().join("data/validation"), 4);
    let told = train(folder.path(), &[]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for words in [
        "train: 36 images in 3 class folders",
        "validation: 12 images in 3 class folders",
        "ResNet-20 on images of 1,8,8, 3 classes, 4 epochs of 36 images",
        " epoch   train loss   accuracy   validation loss   accuracy   images/s   data wait   time",
        "   4/4   ",
        "Best validation accuracy",
        "train images per class: dark 12, half 12, light 12",
        "The model: models/data/model",
        "Packed:    models/data/model.tar.gz",
        "brazier serve --model models/data/model",
    ] {
        assert!(told.out.contains(words), "no '{words}' in:\n{}", told.out);
    }
    // No terminal, no bar: neither colour codes nor carriage returns.
    assert!(!told.out.contains(['\r', '\u{1b}']) && told.err.is_empty(), "{}", told.err);

    let image = folder.path().join("data/validation/light/1.png");
    let packed = folder.path().join("models/data/model.tar.gz");
    let told = run(["predict", "--model", packed.to_str().unwrap(), image.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(["dark", "half", "light"].iter().all(|class| told.out.contains(class)), "{}", told.out);
}

/// Whether this processor multiplies bfloat16 faster than float32.
fn has_fast_bfloat16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has
}

#[test]
fn a_processor_that_multiplies_bfloat16_faster_does_and_says_so() {
    let folder = tempdir().unwrap();
    write_folders(&folder.path().join("data/train"), 12);
    let weights = |name: &str, arguments: &[&str]| {
        let told = train(folder.path(), &[&["--output", name, "--epochs", "1"], arguments].concat());
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        (told.out, fs::read(folder.path().join(name).join("model/image-classification-0001.params")).unwrap())
    };
    let (left, chosen) = weights("left", &[]);
    let (single, float32) = weights("single", &["--compute-dtype", "float32"]);
    let (rounded, bfloat16) = weights("rounded", &["--compute-dtype", "bfloat16"]);
    assert!(float32 != bfloat16);
    assert!(![single, rounded].iter().any(|told| told.contains("bfloat16")));
    if has_fast_bfloat16() {
        assert_eq!(left.matches("Convolutions multiply bfloat16").count(), 1, "{left}");
        assert!(left.contains("--compute-dtype float32"), "{left}");
        assert!(chosen == bfloat16);
    } else {
        assert!(!left.contains("bfloat16"), "{left}");
        assert!(chosen == float32);
    }
}

/// An IDX file of `images` of 8 x 8 pixels, or of their labels.
fn idx(magic: u8, numbers: &[u32], bytes: &[u8]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    [&[0, 0, 8, magic][..], &numbers, bytes].concat()
}

#[test]
fn the_four_files_of_mnist_are_a_data_set_as_they_are_published() {
    let folder = tempdir().unwrap();
    fs::create_dir_all(folder.path().join("data")).unwrap();
    for (set, count) in [("train", 40_u32), ("t10k", 10)] {
        let labels: Vec<u8> = (0..count).map(|number| (number % 2) as u8).collect();
        let pixels: Vec<u8> = labels.iter().flat_map(|label| [label * 200 + 20; 64]).collect();
        let write = |name: &str, bytes: Vec<u8>| {
            fs::write(folder.path().join("data").join(format!("{set}-{name}")), bytes).unwrap();
        };
        write("images-idx3-ubyte", idx(3, &[count, 8, 8], &pixels));
        write("labels-idx1-ubyte", idx(1, &[count], &labels));
    }
    let told = train(folder.path(), &["--epochs", "1"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for words in
        ["train: 40 MNIST images in 2 files", "validation: 10 MNIST images in 2 files", "1,8,8, 2 classes"]
    {
        assert!(told.out.contains(words), "no '{words}' in:\n{}", told.out);
    }
}

#[test]
fn a_second_run_leaves_the_first_model_alone() {
    let folder = tempdir().unwrap();
    write_records(&folder.path().join("data/train/train.rec"), 4);
    let first = train(folder.path(), &["--epochs", "1"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("validation: none, so the last epoch's weights are kept"), "{}", first.out);
    let bytes = fs::read(folder.path().join("models/data/model.tar.gz")).unwrap();
    let second = train(folder.path(), &["--epochs", "1", "--seed", "5"]);
    assert!(second.out.contains("models/data-2/model"), "{}", second.out);
    assert!(fs::read(folder.path().join("models/data/model.tar.gz")).unwrap() == bytes);
    assert!(fs::read(folder.path().join("models/data-2/model.tar.gz")).unwrap() != bytes);
}

#[test]
fn lists_are_found_beside_the_images_and_flags_are_taken() {
    let folder = tempdir().unwrap();
    for (name, per_class) in [("train", 8), ("validation", 3)] {
        let data = folder.path().join("data");
        write_folders(&data.join(name), per_class);
        fs::create_dir_all(data.join(format!("{name}_lst"))).unwrap();
        fs::write(data.join(format!("{name}_lst/x.lst")), list(per_class)).unwrap();
    }
    let arguments = [
        "--epochs",
        "1",
        "--num-layers",
        "18",
        "--mini-batch-size",
        "8",
        "--image_shape",
        "3,12,10",
        "--output",
        "out",
    ];
    let told = train(folder.path(), &arguments);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("train: 24 images listed in x.lst"), "{}", told.out);
    assert!(told.out.contains("ResNet-18 on images of 3,12,10"), "{}", told.out);
    let model = folder.path().join("out/model/image-classification-0001.params");
    assert!(model.is_file());
}

#[test]
fn a_wrong_flag_is_refused_before_anything_is_written() {
    let folder = tempdir().unwrap();
    write_folders(&folder.path().join("data"), 2);
    let told = train(folder.path(), &["--epochs", "-1"]);
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("'-1'") && told.err.contains("'epochs'"), "{}", told.err);
    assert!(!folder.path().join("models").exists());
}

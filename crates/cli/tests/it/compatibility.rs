//! The public users of the replaced algorithm: AWS's notebooks, books, courses and projects, each with its exact
//! hyperparameters and the form of its data, on a few synthetic images.
//!
//! `--rehearse` takes everything as it is asked for but two steps of two images, since a batch of 2,816 photographs in a ResNet-50
//! fits no test machine. Several hosts are one here. A row must start, log and write an artifact.

mod data;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use data::{Form, channels};

use crate::harness::{OptMl, Told, brazier};

type Hyperparameters = [(&'static str, &'static str)];

/// Runs a row and checks what its users look at. `own` go before `common`.
fn runs(form: Form, common: &Hyperparameters, own: &Hyperparameters) {
    let job: BTreeMap<&str, &str> = common.iter().chain(own).copied().collect();
    let (tree, told) = rehearse(form, &job);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let about = fs::read(tree.path("model/brazier.json")).unwrap();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
    for (name, value) in &job {
        let taken = about["hyperparameters"][*name].as_str();
        let is_same = |taken: &str| match (taken.parse::<f64>(), value.parse::<f64>()) {
            (Ok(taken), Ok(value)) => taken == value,
            _ => taken == *value,
        };
        // Accepted, and without effect as it was.
        let ignored = [("top_k", "1"), ("model_prefix", "")].contains(&(*name, *value));
        assert!(taken.is_some_and(is_same) || ignored, "{name} is {taken:?}, not {value}");
    }
    let metric = |name: &str| -> Vec<f64> {
        let lines = told.out.lines().filter(|line| line.contains("Epoch[0]"));
        lines.filter_map(|line| line.split(name).nth(1)?.parse().ok()).collect()
    };
    for name in ["Train-accuracy=", "Validation-accuracy=", "Time cost=", "Train-loss="] {
        assert_eq!(metric(name).len(), 1, "{name}\n{}", told.out);
    }
    let weights = tree.weights();
    let fixed = ["brazier.json", "image-classification-symbol.json", "model-shapes.json"];
    let mut expected: Vec<&str> = fixed.into_iter().chain([weights.as_str()]).collect();
    expected.sort_unstable();
    assert_eq!(tree.model_files(), expected);
    assert!(tree.path("output/data/report.html").is_file() && tree.failure().is_none());
}

fn rehearse(form: Form, job: &BTreeMap<&str, &str>) -> (OptMl, Told) {
    let classes: usize = job["num_classes"].parse().unwrap();
    let (tree, writers) = channels(form, classes);
    tree.write("input/config/hyperparameters.json", &serde_json::to_string(job).unwrap());
    let mut command = brazier();
    command.args(["train", "--rehearse", "--prefix"]).arg(tree.0.path());
    if job.get("use_pretrained_model") == Some(&"1") {
        command.env("BRAZIER_PRETRAINED", pretrained(job.get("num_layers").unwrap_or(&"152")));
    }
    let told: Told = command.output().unwrap().into();
    if told.code == 0 {
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    }
    (tree, told)
}

/// A folder with weights of that depth for images of any size, made once.
fn pretrained(layers: &str) -> &'static Path {
    static FOLDERS: [OnceLock<(tempfile::TempDir, PathBuf)>; 3] = [const { OnceLock::new() }; 3];
    let at = ["18", "50", "152"].iter().position(|depth| *depth == layers).expect(layers);
    let (_, folder) = FOLDERS[at].get_or_init(|| {
        let job = BTreeMap::from([
            ("num_layers", layers),
            ("num_classes", "2"),
            ("num_training_samples", "8"),
            ("mini_batch_size", "2"),
            ("image_shape", "3,40,40"),
        ]);
        let (tree, told) = rehearse(Form::Records, &job);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        let folder = tree.path("pretrained");
        fs::create_dir_all(&folder).unwrap();
        fs::rename(
            tree.path("model").join(tree.weights()),
            folder.join(format!("resnet-{layers}-0000.params")),
        )
        .unwrap();
        (tree.0, folder)
    });
    folder
}

/// `name: form, common, [hyperparameters];` makes a test of each row.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident: $form:expr, $common:expr, [$($key:literal = $value:literal),* $(,)?];)+) => {
        $($(#[$doc])* #[test] fn $name() { runs($form, &$common, &[$(($key, $value)),*]); })+
    };
}

const NONE: [(&str, &str); 0] = [];

/// What most of AWS's notebooks on Caltech-256 share.
const CALTECH: [(&str, &str); 4] = [
    ("num_layers", "18"),
    ("image_shape", "3,224,224"),
    ("num_classes", "257"),
    ("num_training_samples", "15420"),
];

mod aws {
    use super::*;

    rows! {
        caltech_full_training: Form::Records, CALTECH, ["mini_batch_size" = "64", "epochs" = "2", "learning_rate" = "0.01"];
        caltech_full_training_high_level: Form::Records, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "5", "learning_rate" = "0.01", "top_k" = "2", "precision_dtype" = "float32"];
        caltech_elastic_inference: Form::Records, CALTECH, ["mini_batch_size" = "64", "epochs" = "2", "learning_rate" = "0.01"];
        caltech_transfer_learning: Form::Records, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "2", "learning_rate" = "0.01", "use_pretrained_model" = "1"];
        caltech_transfer_learning_high_level: Form::Records, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "2", "learning_rate" = "0.01", "use_pretrained_model" = "1",
            "precision_dtype" = "float32"];
        caltech_lists: Form::Lists("application/x-image"), NONE, [
            "num_layers" = "18", "image_shape" = "3,206,206", "num_classes" = "257", "num_training_samples" = "15240",
            "mini_batch_size" = "128", "epochs" = "6", "learning_rate" = "0.01", "top_k" = "5", "resize" = "256",
            "checkpoint_frequency" = "2", "use_pretrained_model" = "1"];
        caltech_lists_high_level: Form::Lists("application/jpeg"), CALTECH, [
            "mini_batch_size" = "128", "epochs" = "2", "learning_rate" = "0.01", "top_k" = "2", "resize" = "256",
            "use_pretrained_model" = "1", "precision_dtype" = "float32"];
        caltech_incremental_first: Form::Records, CALTECH, [
            "mini_batch_size" = "256", "epochs" = "2", "learning_rate" = "0.1", "top_k" = "2"];
        caltech_incremental_second: Form::Incremental, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "2", "learning_rate" = "0.01", "top_k" = "2"];
        coco_several_labels: Form::SeveralLabels, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "image_shape" = "3,224,224", "num_classes" = "5",
            "mini_batch_size" = "128", "resize" = "256", "epochs" = "5", "learning_rate" = "0.001",
            "num_training_samples" = "2500", "use_weighted_loss" = "1", "augmentation_type" = "crop_color_transform",
            "precision_dtype" = "float32", "multi_label" = "1"];
        tuning_with_early_stopping: Form::Records, CALTECH, [
            "epochs" = "10", "top_k" = "2", "augmentation_type" = "crop", "precision_dtype" = "float32",
            "mini_batch_size" = "16", "learning_rate" = "0.000010", "optimizer" = "rmsprop"];
        tuning_with_warm_start_first: Form::Records, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "10", "optimizer" = "sgd", "top_k" = "2", "augmentation_type" = "crop",
            "learning_rate" = "0.05", "momentum" = "0.99", "weight_decay" = "0.99", "precision_dtype" = "float32"];
        tuning_with_warm_start_second: Form::Records, CALTECH, [
            "mini_batch_size" = "128", "epochs" = "10", "optimizer" = "sgd", "top_k" = "2",
            "augmentation_type" = "crop_color_transform", "learning_rate" = "0.0001", "momentum" = "0.0", "weight_decay" = "0.0",
            "precision_dtype" = "float32"];
        ground_truth: Form::PipedManifest("application/x-recordio"), NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "epochs" = "30", "learning_rate" = "0.01",
            "lr_scheduler_step" = "10,20", "mini_batch_size" = "32", "resize" = "224", "image_shape" = "3,224,224",
            "num_classes" = "2", "num_training_samples" = "200"];
        image_data_guide: Form::PipedRecords, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "augmentation_type" = "crop_color_transform",
            "image_shape" = "3,224,224", "num_classes" = "11", "num_training_samples" = "2000", "mini_batch_size" = "64",
            "epochs" = "5", "learning_rate" = "0.001", "precision_dtype" = "float32"];
        metastases: Form::PipedRecords, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "augmentation_type" = "crop_color_transform",
            "image_shape" = "3,96,96", "num_classes" = "2", "num_training_samples" = "6000", "mini_batch_size" = "64",
            "epochs" = "5", "learning_rate" = "0.01", "precision_dtype" = "float32"];
        clarify: Form::Records, CALTECH, [
            "use_pretrained_model" = "1", "mini_batch_size" = "128", "epochs" = "2", "learning_rate" = "0.01",
            "precision_dtype" = "float32"];
        neo: Form::Records, CALTECH, [
            "use_pretrained_model" = "1", "mini_batch_size" = "128", "epochs" = "5", "learning_rate" = "0.01", "top_k" = "2",
            "precision_dtype" = "float32"];
        shutterstock: Form::SeveralLabels, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "image_shape" = "3,224,224", "num_classes" = "5",
            "mini_batch_size" = "25", "resize" = "256", "epochs" = "5", "learning_rate" = "0.001", "num_training_samples" = "100",
            "use_weighted_loss" = "1", "augmentation_type" = "crop_color_transform", "precision_dtype" = "float32",
            "multi_label" = "1"];
        developer_guide_incremental: Form::Records, NONE, [
            "num_layers" = "18", "image_shape" = "3,28,28", "resize" = "32", "num_training_samples" = "50000", "num_classes" = "10",
            "mini_batch_size" = "128", "epochs" = "3", "learning_rate" = "0.1", "lr_scheduler_step" = "2,3",
            "lr_scheduler_factor" = "0.1", "augmentation_type" = "crop_color", "optimizer" = "sgd", "momentum" = "0.9",
            "weight_decay" = "0.0001", "beta_1" = "0.9", "beta_2" = "0.999", "eps" = "1e-8", "gamma" = "0.9", "top_k" = "5",
            "checkpoint_frequency" = "1", "use_pretrained_model" = "0", "model_prefix" = ""];
        kubernetes_operator: Form::PipedManifest("application/x-image"), NONE, [
            "num_layers" = "50", "image_shape" = "3,150,250", "num_classes" = "2", "num_training_samples" = "105434",
            "mini_batch_size" = "32", "learning_rate" = "0.001", "epochs" = "100", "top_k" = "1", "use_pretrained_model" = "1"];
    }
}

mod others {
    use super::*;

    /// Dogs and cats of Packt's "Learn Amazon SageMaker".
    const DOGS: [(&str, &str); 3] =
        [("num_classes", "2"), ("num_training_samples", "22500"), ("mini_batch_size", "128")];

    /// Of `dlnotebooks`, on CIFAR-10.
    const CIFAR: [(&str, &str); 4] = [
        ("image_shape", "3,28,28"),
        ("num_classes", "10"),
        ("num_training_samples", "50000"),
        ("mini_batch_size", "128"),
    ];

    rows! {
        /// The book whose job this program was first made for.
        seed_book: Form::Lists("application/x-image"), NONE, [
            "num_layers" = "18", "image_shape" = "1,28,28", "num_classes" = "10", "num_training_samples" = "4000",
            "mini_batch_size" = "100", "epochs" = "3", "learning_rate" = "0.01", "top_k" = "5", "precision_dtype" = "float32"];
        seed_book_second_part: Form::IncrementalGrey, NONE, [
            "num_layers" = "18", "image_shape" = "1,28,28", "num_classes" = "10", "num_training_samples" = "7200",
            "mini_batch_size" = "100", "epochs" = "3", "learning_rate" = "0.01", "top_k" = "5", "precision_dtype" = "float32"];
        /// Everything but the shape is the default: 152 layers.
        udacity: Form::Lists("application/x-image"), NONE, [
            "image_shape" = "3,32,32", "num_classes" = "2", "num_training_samples" = "1000"];
        packt_dogs_images: Form::Lists("application/x-image"), DOGS, ["num_layers" = "18", "resize" = "224", "epochs" = "10"];
        packt_dogs_records_18: Form::Records, DOGS, ["num_layers" = "18", "epochs" = "10"];
        packt_dogs_records_50: Form::Records, DOGS, ["num_layers" = "50", "epochs" = "30"];
        packt_caltech: Form::Records, NONE, [
            "num_layers" = "50", "use_pretrained_model" = "1", "num_classes" = "257", "num_training_samples" = "15240",
            "learning_rate" = "0.001", "epochs" = "10", "mini_batch_size" = "128"];
        packt_imagenet: Form::PipedRecords, NONE, [
            "num_layers" = "50", "num_classes" = "1000", "num_training_samples" = "1281167", "mini_batch_size" = "2816",
            "learning_rate" = "0.5", "lr_scheduler_factor" = "0.5", "lr_scheduler_step" = "30,60,90,120,150,180",
            "epochs" = "200", "kv_store" = "dist_sync", "augmentation_type" = "crop", "early_stopping" = "True",
            "early_stopping_patience" = "30", "top_k" = "3"];
        dlnotebooks_01: Form::Records, CIFAR, ["num_layers" = "50", "use_pretrained_model" = "1", "epochs" = "10", "learning_rate" = "0.01"];
        dlnotebooks_02: Form::Records, CIFAR, ["num_layers" = "44", "optimizer" = "adam", "learning_rate" = "0.1", "epochs" = "100"];
        dlnotebooks_05: Form::Records, CIFAR, ["num_layers" = "44", "mini_batch_size" = "2048", "learning_rate" = "0.1", "epochs" = "100"];
        dlnotebooks_06_and_08: Form::Records, CALTECH, [
            "augmentation_type" = "crop_color_transform", "mini_batch_size" = "32", "epochs" = "10"];
        gabe_hollombe: Form::Lists("application/x-image"), NONE, [
            "use_pretrained_model" = "1", "num_classes" = "2", "num_training_samples" = "60", "mini_batch_size" = "5",
            "learning_rate" = "0.001"];
        car_damage: Form::Lists("application/x-image"), NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "num_classes" = "8", "num_training_samples" = "1200",
            "mini_batch_size" = "128", "resize" = "256", "augmentation_type" = "crop_color_transform",
            "use_weighted_loss" = "1", "multi_label" = "0"];
        asl_lens: Form::Records, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "num_classes" = "24", "num_training_samples" = "1728",
            "mini_batch_size" = "64", "learning_rate" = "0.01", "checkpoint_frequency" = "1", "epochs" = "20"];
        skinnometer_and_graffiti: Form::Records, NONE, [
            "num_layers" = "18", "use_pretrained_model" = "1", "num_classes" = "2", "num_training_samples" = "2000",
            "mini_batch_size" = "64", "learning_rate" = "0.01", "checkpoint_frequency" = "1", "epochs" = "20"];
        pipeline_of_43_classes: Form::PipedRecords, NONE, [
            "num_layers" = "18", "num_classes" = "43", "num_training_samples" = "39209", "learning_rate" = "1e-05",
            "mini_batch_size" = "32"];
    }
}

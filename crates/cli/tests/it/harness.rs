//! The binary, folders to run it in, and small images it can learn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use brazier_image::{Pixels, encode};
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::Writer;
use brazier_sagemaker::environment::VARIABLES;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Pixels a side of the images made here.
pub const SIDE: u32 = 8;

/// Classes of the images made here, which are also the names of their folders.
pub const CLASSES: [&str; 3] = ["dark", "half", "light"];

pub fn brazier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brazier"));
    // What a developer's shell may hold must not change a test.
    for variable in VARIABLES {
        command.env_remove(variable.name);
    }
    command
}

/// What a finished command said.
pub struct Told {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Told {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the binary to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Told {
    brazier().args(arguments).output().unwrap().into()
}

/// A PNG of [`grey`].
pub fn image(class: usize, number: usize) -> Vec<u8> {
    encode::png(&Pixels::new(SIDE, SIDE, 1, grey(class, number)).unwrap()).unwrap()
}

/// Pixels of `class`: dark, half dark, or light. `number` shifts their shades, so that no two images are alike.
pub fn grey(class: usize, number: usize) -> Vec<u8> {
    let shade = |at: u32| match class {
        0 => 20,
        1 if at % SIDE < SIDE / 2 => 20,
        _ => 220,
    };
    (0..SIDE * SIDE).map(|at| (shade(at) + (at as usize * 7 + number * 3) % 16) as u8).collect()
}

/// Class and number of `per_class` images of each class, classes taking turns.
fn numbered(per_class: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..per_class).flat_map(|number| (0..CLASSES.len()).map(move |class| (class, number)))
}

/// Writes class folders of PNGs under `folder`.
pub fn write_folders(folder: &Path, per_class: usize) {
    for (class, number) in numbered(per_class) {
        let folder = folder.join(CLASSES[class]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.png")), image(class, number)).unwrap();
    }
}

/// Writes a `.rec` of the same images.
pub fn write_records(path: &Path, per_class: usize) {
    let mut writer = Writer::new(Vec::new());
    for (class, number) in numbered(per_class) {
        let image = image(class, number);
        writer.write(&ImageRecord::single(class as f32, number as u64, &image).encode()).unwrap();
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, writer.into_inner()).unwrap();
}

/// The text of a `.lst` of the images of [`write_folders`].
pub fn list(per_class: usize) -> String {
    let line = |(class, number): (usize, usize)| {
        format!("{}\t{class}.000000\t{}/{number}.png\n", class + number * 3, CLASSES[class])
    };
    numbered(per_class).map(line).collect()
}

/// A temporary `/opt/ml`.
pub struct OptMl(pub TempDir);

impl OptMl {
    /// A job of a few steps: 24 images for training and 9 for validation, in `.rec` files.
    pub fn with_records() -> Self {
        let tree =
            OptMl::new(&[("train", "application/x-recordio"), ("validation", "application/x-recordio")]);
        write_records(&tree.channel("train").join("data.rec"), 8);
        write_records(&tree.channel("validation").join("data.rec"), 3);
        tree
    }

    /// The same images as files, with their lists in channels of their own.
    pub fn with_lists() -> Self {
        let names = ["train", "validation", "train_lst", "validation_lst"];
        let tree = OptMl::new(&names.map(|name| (name, "application/x-image")));
        for (name, per_class) in [("train", 8), ("validation", 3)] {
            write_folders(&tree.channel(name), per_class);
            let lists = tree.channel(&format!("{name}_lst"));
            fs::write(lists.join(format!("{name}.lst")), list(per_class)).unwrap();
        }
        tree
    }

    /// Configuration and empty folders for `channels` (name, content type).
    pub fn new(channels: &[(&str, &str)]) -> Self {
        let tree = OptMl(TempDir::new().unwrap());
        fs::create_dir_all(tree.path("input/config")).unwrap();
        let mut inputs = serde_json::Map::new();
        for (name, content_type) in channels {
            fs::create_dir_all(tree.channel(name)).unwrap();
            let channel = json!({
                "ContentType": content_type, "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None",
            });
            inputs.insert((*name).to_owned(), channel);
        }
        tree.write("input/config/inputdataconfig.json", &Value::Object(inputs).to_string());
        let resources = json!({
            "current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0", "topology": null,
        });
        tree.write("input/config/resourceconfig.json", &resources.to_string());
        tree.hyperparameters(&[]);
        tree
    }

    /// Writes the hyperparameters of the small job, `others` before them.
    pub fn hyperparameters(&self, others: &[(&str, &str)]) {
        let small = [
            ("num_classes", "3"),
            ("num_training_samples", "24"),
            ("num_layers", "20"),
            ("image_shape", "1,8,8"),
            ("mini_batch_size", "6"),
            ("learning_rate", "0.05"),
            ("epochs", "2"),
        ];
        let all: serde_json::Map<String, Value> =
            small.iter().chain(others).map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        self.write("input/config/hyperparameters.json", &Value::Object(all).to_string());
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    pub fn channel(&self, name: &str) -> PathBuf {
        self.path("input/data").join(name)
    }

    pub fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).unwrap();
    }

    /// Trains the job.
    pub fn train(&self) -> Told {
        run(["train".as_ref(), "--prefix".as_ref(), self.0.path().as_os_str()])
    }

    /// The text of `output/failure`, if there is one.
    pub fn failure(&self) -> Option<String> {
        fs::read_to_string(self.path("output/failure")).ok()
    }

    /// Name of the only weights file.
    pub fn weights(&self) -> String {
        let mut names: Vec<String> = self.model_files();
        names.retain(|name| name.ends_with(".params"));
        assert_eq!(names.len(), 1, "{names:?}");
        names.remove(0)
    }

    /// Names of the artifact's files, sorted.
    pub fn model_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("model")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A trained job, for tests that need a model.
pub fn trained() -> OptMl {
    let tree = OptMl::with_lists();
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    tree
}

/// Trains a few steps on real digits, so that weights and moving statistics are those of a network that has learned
/// something; small and many ones, so that the statistics are near the truth and no answer is exactly 0 or 1, which every
/// program would agree on. The model's folder.
pub fn digits(output: &Path, layers: &str, shape: &str, version: &str) -> PathBuf {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/mnist/train");
    let what = ["--num-layers", layers, "--image-shape", shape, "--epochs", "1", "--learning-rate", "0.001"];
    let few = ["--mini-batch-size", "2", "--num-training-samples", "64", "--resnet-version", version];
    // The same whatever the processor multiplies faster.
    let exact = ["--compute-dtype", "float32"];
    let told =
        run([&["train", data, "--output", output.to_str().unwrap()][..], &what, &few, &exact].concat());
    assert_eq!(told.code, 0, "{}", told.err);
    output.join("model")
}

/// NumPy's file format, version 1.0.
pub fn npy(shape: &[usize], values: &[u8]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}), }}", shape.join(", "));
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

/// Pseudo-random numbers, printed with what fails.
pub fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

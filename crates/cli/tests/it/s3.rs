//! Training whose data, checkpoints and artifact are in S3: against s3s-fs, a server of the real protocol.

mod faults;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use brazier_image::{Pixels, encode};
use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::Writer;
use tempfile::TempDir;

use crate::harness::{Told, brazier, write_records};
use server::{KEY, SECRET, Server};

/// Hyperparameters of a job of a few steps.
const SMALL: [&str; 12] = [
    "--image-shape",
    "1,8,8",
    "--num-layers",
    "20",
    "--mini-batch-size",
    "6",
    "--epochs",
    "2",
    "--learning-rate",
    "0.05",
    "--checkpoint-min-seconds",
    "0",
];

/// The binary in a folder of its own, with the server's address and credentials.
fn remote(server: &Server, folder: &Path) -> Command {
    let mut command = brazier();
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_ENDPOINT_URL_S3", server.address()).env("AWS_REGION", "us-west-2");
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    // No files of the developer's, and no question to an instance's metadata.
    command.env("AWS_CONFIG_FILE", "/nowhere").env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    command.current_dir(folder).args(["train"]);
    command
}

fn train(server: &Server, folder: &Path, arguments: &[&str]) -> Told {
    remote(server, folder).args(arguments).args(SMALL).output().unwrap().into()
}

/// The small images as `train` and `validation` of the bucket `data`, below `small/`.
fn small_data(server: &Server) {
    for (name, per_class) in [("train", 8), ("validation", 3)] {
        write_records(&server.path(&format!("data/small/{name}/data.rec")), per_class);
    }
}

/// The weights below a folder of the server, or here.
fn weights(model: &Path) -> Vec<u8> {
    let entries = fs::read_dir(model).unwrap().map(|entry| entry.unwrap().path());
    let mut params: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "params")).collect();
    assert_eq!(params.len(), 1, "{params:?}");
    fs::read(params.remove(0)).unwrap()
}

#[test]
fn a_prefix_trains_to_a_prefix_as_a_folder_does() {
    let Some(server) = Server::start() else { return };
    small_data(&server);
    let here = TempDir::new().unwrap();
    let told = train(&server, here.path(), &["s3://data/small", "--output", "s3://models/runs/1"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Download: 2 files from s3://data/small/"), "{}", told.out);
    assert!(told.out.contains("files to s3://models/runs/1/"), "{}", told.out);
    assert!(server.path("models/runs/1/model.tar.gz").is_file());
    assert!(server.path("models/runs/1/report.html").is_file());

    let data = server.path("data/small");
    let told = train(&server, here.path(), &[data.to_str().unwrap(), "--output", "local"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(weights(&server.path("models/runs/1/model")) == weights(&here.path().join("local/model")));

    // What is there is never written over, and that is known before any data is read.
    let told = train(&server, here.path(), &["s3://data/small", "--output", "s3://models/runs/1"]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("s3://models/runs/1/: there is something already"), "{}", told.err);
    assert!(!told.out.contains("Download"), "{}", told.out);

    let from =
        ["s3://data/small", "--output", "s3://models/runs/2", "--from", "s3://models/runs/1/model.tar.gz"];
    let told = train(&server, here.path(), &from);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Goes on from"), "{}", told.out);
}

/// Records of three images of 12 MB, so that the file is fetched in ranges, and a network whose weights go in parts.
#[test]
fn large_files_go_in_ranges_and_parts() {
    let Some(server) = Server::start() else { return };
    for name in ["train", "validation"] {
        let mut writer = Writer::new(Vec::new());
        for class in 0..3u32 {
            let noise = |at: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(class * 40) >> 13) as u8;
            let pixels = Pixels::new(2400, 2000, 1, (0..2400 * 2000).map(noise).collect()).unwrap();
            let image = encode::png(&pixels).unwrap();
            writer.write(&ImageRecord::single(class as f32, u64::from(class), &image).encode()).unwrap();
        }
        fs::create_dir_all(server.path(&format!("data/large/{name}"))).unwrap();
        fs::write(server.path(&format!("data/large/{name}/data.rec")), writer.into_inner()).unwrap();
    }
    let bytes = fs::metadata(server.path("data/large/train/data.rec")).unwrap().len();
    assert!(bytes > 8 << 20, "{bytes}: no more than one range");
    let here = TempDir::new().unwrap();
    let arguments =
        ["s3://data/large", "--output", "s3://models/large", "--resize", "8", "--num-layers", "18"];
    let told: Told = remote(&server, here.path())
        .args(arguments)
        .args(["--image-shape", "1,8,8", "--mini-batch-size", "3", "--epochs", "1"])
        .output()
        .unwrap()
        .into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let remote = weights(&server.path("models/large/model"));
    assert!(remote.len() > 16 << 20, "{}: no more than one request", remote.len());
    assert!(remote == weights(&here.path().join("models/large/model")));
}

fn checkpoints(server: &Server) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(server.path("state/run")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "checkpoint")).collect()
}

#[test]
fn a_killed_run_goes_on_from_the_checkpoints_of_a_prefix() {
    let Some(server) = Server::start() else { return };
    small_data(&server);
    let arguments = ["s3://data/small", "--checkpoint", "s3://state/run", "--output", "s3://models/cut"];
    let whole = TempDir::new().unwrap();
    let epochs = ["--epochs", "150"];
    let uncut = [&["s3://data/small", "--output", "here"][..], &SMALL[..6], &SMALL[8..], &epochs].concat();
    let told: Told = remote(&server, whole.path()).args(uncut).output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);

    let flags = [&arguments[..], &SMALL[..6], &SMALL[8..], &epochs].concat();
    let first = TempDir::new().unwrap();
    let mut child: Child = remote(&server, first.path())
        .args(&flags)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A file may be there before the server has taken it whole: with the second one the first is.
    let mut seen = BTreeSet::new();
    while seen.len() < 2 && child.try_wait().unwrap().is_none() {
        seen.extend(checkpoints(&server));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it ended before it was killed");

    // Another machine, which has nothing but what is in the bucket.
    let second = TempDir::new().unwrap();
    let told: Told = remote(&server, second.path()).args(&flags).output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains(" goes on from "), "{}{}", told.out, told.err);
    assert!(weights(&server.path("models/cut/model")) == weights(&whole.path().join("here/model")));
    let left = checkpoints(&server);
    assert!((1..=2).contains(&left.len()), "{left:?}");
}

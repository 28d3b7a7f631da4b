//! Jobs that are killed, stopped and damaged, and end with the very weights of one that was not.

mod faults;
mod grace;
mod pipes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{OptMl, Told, brazier};

/// A job of 32 steps that saves its state as often as it can.
fn job(hyperparameters: &[(&str, &str)]) -> OptMl {
    let tree = OptMl::with_records();
    fs::create_dir_all(tree.path("checkpoints")).unwrap();
    let common = [
        ("epochs", "4"),
        ("mini_batch_size", "3"),
        ("checkpoint_min_seconds", "0"),
        ("lr_scheduler_step", "2,3"),
    ];
    tree.hyperparameters(&[&common, hyperparameters].concat());
    tree
}

/// What a job leaves, without what tells of time.
fn left(tree: &OptMl) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = tree
        .model_files()
        .into_iter()
        .map(|name| {
            let bytes = fs::read(tree.path("model").join(&name)).unwrap();
            (name, bytes)
        })
        .collect();
    let mut report: Value =
        serde_json::from_slice(&fs::read(tree.path("output/data/report.json")).unwrap()).unwrap();
    for epoch in report["epochs"].as_array_mut().unwrap() {
        for key in ["images_per_second", "data_wait_percent", "seconds", "validation_seconds"] {
            epoch.as_object_mut().unwrap().remove(key);
        }
    }
    files.push(("report.json".to_owned(), report.to_string().into_bytes()));
    files
}

fn start(tree: &OptMl) -> Child {
    brazier()
        .args(["train", "--prefix"])
        .arg(tree.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(child: Child) -> Told {
    child.wait_with_output().unwrap().into()
}

/// The checkpoint files, oldest first.
fn checkpoints(tree: &OptMl) -> Vec<PathBuf> {
    let entries = fs::read_dir(tree.path("checkpoints")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "checkpoint"));
    files.sort();
    files
}

/// Waits until the job has saved its state, or has ended.
fn wait_for_checkpoint(tree: &OptMl, child: &mut Child) {
    while checkpoints(tree).is_empty() && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
}

fn assert_same(found: &OptMl, expected: &[(String, Vec<u8>)], what: &str) {
    let found = left(found);
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected), "{what}");
    for ((name, bytes), (_, expected)) in found.iter().zip(expected) {
        let text = || String::from_utf8_lossy(bytes).chars().take(3000).collect::<String>();
        assert!(bytes == expected, "{what}: {name} is another\n{}", text());
    }
}

/// Trains to the end without a cut.
fn uncut(hyperparameters: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let tree = job(hyperparameters);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    left(&tree)
}

/// Runs of the crash test; `BRAZIER_CRASHES` asks for more.
fn crashes() -> u64 {
    std::env::var("BRAZIER_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
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

const VARIANTS: [&[(&str, &str)]; 4] = [
    &[],
    &[
        ("optimizer", "adam"),
        ("learning_rate", "0.01"),
        ("ema_decay", "0.9"),
        ("early_stopping", "True"),
        ("early_stopping_min_epochs", "2"),
        ("early_stopping_patience", "3"),
    ],
    &[("checkpoint_frequency", "2"), ("mixup", "0.3"), ("augmentation_type", "crop")],
    &[("optimizer", "nag"), ("compute_dtype", "float16"), ("gradient_accumulation", "2")],
];

#[test]
fn killed_at_random_points_the_weights_are_those_of_an_uncut_run() {
    let expected: Vec<_> = VARIANTS.iter().map(|variant| uncut(variant)).collect();
    let mut kills = 0;
    for seed in 0..crashes() {
        let variant = seed as usize % VARIANTS.len();
        let tree = job(VARIANTS[variant]);
        let mut random = random(seed + 1);
        let mut starts = 0;
        let told = loop {
            starts += 1;
            let mut child = start(&tree);
            // Later starts live longer, so that every run comes to its end.
            thread::sleep(Duration::from_millis(20 + random(250 * starts)));
            if child.try_wait().unwrap().is_some() {
                break ended(child);
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            // What the platform restores is the checkpoint folder alone.
            if random(3) == 0 {
                fs::remove_dir_all(tree.path("model")).ok();
                fs::remove_dir_all(tree.path("output")).ok();
            }
        };
        assert_eq!(told.code, 0, "seed {seed}: {}{}", told.out, told.err);
        // A kill leaves nothing damaged: every checkpoint that is there is whole, and so are its weights.
        assert!(!told.out.contains("passed over"), "seed {seed}: {}", told.out);
        assert_same(&tree, &expected[variant], &format!("seed {seed}, {starts} starts\n{}", told.out));
    }
    println!("{kills} kills in {} runs", crashes());
    assert!(kills > 0);
}

#[test]
fn a_stopped_job_goes_on_where_it_stood() {
    let expected = uncut(&[]);
    for signals in [1, 2] {
        let tree = job(&[]);
        let mut child = start(&tree);
        wait_for_checkpoint(&tree, &mut child);
        for _ in 0..signals {
            signal(&child, "-TERM");
        }
        let told = ended(child);
        assert_eq!((told.code, tree.failure()), (0, None), "{}{}", told.out, told.err);
        assert!(told.out.contains("Stopped by a signal"), "{}", told.out);
        assert!(tree.model_files().iter().any(|name| name.ends_with(".params")));
        let told = tree.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        let line = told.out.lines().find(|line| line.contains("Resuming from checkpoint")).unwrap();
        assert!(line.contains("brazier-0000000000") && line.contains(" of 8 steps done"), "{line}");
        assert_same(&tree, &expected, &told.out);
    }
}

#[test]
fn a_stop_before_the_first_batch_loses_nothing() {
    let expected = uncut(&[]);
    let tree = job(&[]);
    let child = start(&tree);
    thread::sleep(Duration::from_millis(15));
    signal(&child, "-TERM");
    let told = ended(child);
    // Before it listens the signal ends it, afterwards it ends by itself.
    assert!(matches!(told.code, 0 | -1), "{}{}", told.out, told.err);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_same(&tree, &expected, &told.out);
}

/// A job that was stopped in the middle.
fn stopped() -> OptMl {
    let tree = job(&[]);
    let mut child = start(&tree);
    while checkpoints(&tree).len() < 2 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    signal(&child, "-TERM");
    assert_eq!(ended(child).code, 0);
    tree
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_it_counts() {
    let expected = uncut(&[]);
    let damages: [fn(&Path); 3] = [
        |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        },
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, b"").unwrap(),
    ];
    for damage in damages {
        let tree = stopped();
        let files = checkpoints(&tree);
        assert_eq!(files.len(), 2);
        damage(&files[1]);
        let told = tree.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        let passed = format!("a checkpoint is passed over: {}: it", files[1].display());
        assert!(told.out.contains(&passed), "{passed}\n{}", told.out);
        assert!(
            told.out.contains(&format!("Resuming from checkpoint {}", files[0].display())),
            "{}",
            told.out
        );
        assert_same(&tree, &expected, &told.out);
    }
}

#[test]
fn another_jobs_checkpoint_is_refused_with_both_values_unless_asked_to_begin_anew() {
    let tree = stopped();
    tree.hyperparameters(&[
        ("epochs", "6"),
        ("mini_batch_size", "4"),
        ("num_layers", "32"),
        ("optimizer", "adam"),
    ]);
    let told = tree.train();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    for words in [
        "ClientError: ",
        "network is ResNet-32, the checkpoint's is ResNet-20",
        "images a step is 4, the checkpoint's is 3",
        "optimizer is adam, the checkpoint's is sgd",
        "--fresh",
    ] {
        assert!(failure.contains(words), "no {words} in {failure}");
    }
    let prefix = tree.0.path().to_str().unwrap();
    let told = crate::harness::run(["train", "--prefix", prefix, "--fresh"]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(!told.out.contains("Resuming"), "{}", told.out);
    // The old run's checkpoints are gone, though their numbers were higher than the first of the new one's.
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("epoch 6, 0 of 6 steps done"), "{}", told.out);
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_begins_anew_and_saves_its_own() {
    let expected = uncut(&[]);
    let tree = stopped();
    for path in checkpoints(&tree) {
        fs::write(path, b"brazckpt").unwrap();
    }
    // With a name of ours that is not one of ours, and another's file.
    for name in ["brazier-999999999999.checkpoint", "brazier-5.checkpoint", "mine.params"] {
        fs::write(tree.path("checkpoints").join(name), b"x").unwrap();
    }
    let mut child = start(&tree);
    let is_ours = |path: &PathBuf| fs::metadata(path).is_ok_and(|about| about.len() > 1000);
    while !checkpoints(&tree).iter().any(is_ours) && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    child.wait().unwrap();
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Resuming"), "{}", told.out);
    assert_same(&tree, &expected, &told.out);
    for name in ["brazier-5.checkpoint", "mine.params"] {
        assert!(tree.path("checkpoints").join(name).exists(), "{name}");
    }
}

#[test]
fn a_named_checkpoint_goes_on_in_another_folder_and_stays() {
    let expected = uncut(&[]);
    let tree = stopped();
    let named = checkpoints(&tree).pop().unwrap();
    let (prefix, other) = (tree.0.path().to_str().unwrap(), tree.path("other"));
    let common = ["train", "--prefix", prefix, "--checkpoint", other.to_str().unwrap()];
    let told = crate::harness::run([&common[..], &["--resume-from", named.to_str().unwrap()]].concat());
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_same(&tree, &expected, &told.out);
    assert!(named.is_file());
    // The other folder alone is enough to go on from.
    fs::remove_dir_all(tree.path("checkpoints")).unwrap();
    fs::remove_dir_all(tree.path("model")).unwrap();
    let told = crate::harness::run(common);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("Resuming") && !told.out.contains("passed over"), "{}", told.out);
    assert_same(&tree, &expected, &told.out);
    let damaged = other.join("damaged.checkpoint");
    fs::write(&damaged, b"brazckpt").unwrap();
    let told = crate::harness::run([&common[..], &["--resume-from", damaged.to_str().unwrap()]].concat());
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(tree.failure().unwrap().starts_with("ClientError: "), "{:?}", tree.failure());
}

#[test]
fn a_folder_that_cannot_hold_checkpoints_is_refused_at_the_start() {
    let tree = job(&[]);
    fs::remove_dir(tree.path("checkpoints")).unwrap();
    fs::write(tree.path("checkpoints"), b"").unwrap();
    tree.write("input/config/checkpointconfig.json", r#"{"LocalPath": "/opt/ml/checkpoints"}"#);
    let told = tree.train();
    assert_ne!(told.code, 0);
    let failure = tree.failure().unwrap();
    assert!(failure.contains("checkpoints: cannot make the checkpoint folder"), "{failure}");
    assert!(!told.out.contains("Epoch[0]"), "{}", told.out);
}

#[test]
fn a_finished_job_that_is_started_again_has_nothing_to_do() {
    let tree = job(&[]);
    assert_eq!(tree.train().code, 0);
    let expected = left(&tree);
    fs::remove_dir_all(tree.path("model")).unwrap();
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(!told.out.contains("Train-accuracy"), "{}", told.out);
    assert_same(&tree, &expected, &told.out);
}

#[test]
fn only_two_checkpoints_and_their_weights_stay() {
    let tree = job(&[]);
    assert_eq!(tree.train().code, 0);
    assert_eq!(checkpoints(&tree).len(), 2);
    let names: Vec<String> = fs::read_dir(tree.path("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".checkpoint"))
        .collect();
    let is_copy = |name: &String| name.starts_with("brazier-weights-") && name.ends_with(&tree.weights());
    assert!((1..=2).contains(&names.len()) && names.iter().any(is_copy), "{names:?}");
}

#[test]
fn a_persons_run_goes_on_too_and_from_a_checkpoint_by_name() {
    let tree = stopped();
    let (data, kept) = (tree.path("input/data"), tree.path("kept"));
    let run = |output: &str, others: &[&str]| {
        let output = tree.path(output);
        let common = ["train", data.to_str().unwrap(), "--output", output.to_str().unwrap(), "--epochs", "3"];
        crate::harness::run([&common[..], others].concat())
    };
    let told = run("one", &["--checkpoint", kept.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let told = run("one", &["--checkpoint", kept.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("goes on from"), "{}", told.out);
    let files: Vec<PathBuf> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    let file = files.iter().find(|path| path.extension().is_some_and(|end| end == "checkpoint")).unwrap();
    let told = run("two", &["--resume-from", file.to_str().unwrap(), "--epochs", "3"]);
    // `--epochs` stands there twice.
    assert_eq!(told.code, 64, "{}{}", told.out, told.err);
    let told = run("two", &["--resume-from", file.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.contains("goes on from") && tree.path("two/model.tar.gz").is_file(), "{}", told.out);
    let told = run("three", &["--resume-from", data.to_str().unwrap()]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("is no file"), "{}", told.err);
}

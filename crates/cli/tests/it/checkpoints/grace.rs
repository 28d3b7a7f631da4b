//! What a signal may take.

use std::thread;
use std::time::{Duration, Instant};

use super::{ended, signal};
use crate::harness::{OptMl, brazier};

/// A step of this network takes many seconds; the platform does not wait for it.
#[test]
fn a_step_that_outlasts_the_grace_is_given_up() {
    let tree = OptMl::with_records();
    tree.hyperparameters(&[
        ("num_layers", "152"),
        ("image_shape", "1,96,96"),
        ("mini_batch_size", "24"),
        ("num_training_samples", "24"),
    ]);
    let mut command = brazier();
    command.args(["train", "--grace", "2", "--prefix"]).arg(tree.0.path());
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // The graph is written when the run begins.
    while !tree.path("model/model-shapes.json").exists() && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    let clock = Instant::now();
    let told = ended(child);
    assert!(clock.elapsed() < Duration::from_secs(4), "{:?}", clock.elapsed());
    assert!(
        told.out.contains("Stopped 1.5 s after a signal, before what was in hand was done"),
        "{}",
        told.out
    );
    assert_eq!((told.code, tree.failure()), (143, None), "{}{}", told.out, told.err);
}

#[test]
fn checkpoints_do_not_go_into_the_folder_of_the_model() {
    let tree = OptMl::with_records();
    std::fs::create_dir_all(tree.path("model")).unwrap();
    let (prefix, model) = (tree.0.path().to_str().unwrap(), tree.path("model"));
    let told = crate::harness::run(["train", "--prefix", prefix, "--checkpoint", model.to_str().unwrap()]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(tree.failure().unwrap().contains("is the folder of the model"), "{:?}", tree.failure());
}

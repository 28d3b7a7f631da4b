//! A job whose channels are pipes: they begin anew with the process, and the job goes on where it stood.

use std::fs;

use super::{assert_same, checkpoints, ended, left, start, wait_for_checkpoint};
use crate::harness::OptMl;
use crate::modes::{declare, feed, records};

/// A job that saves its state as often as it can, from pipes.
fn job() -> OptMl {
    let tree = OptMl::new(&[]);
    declare(&tree, "Pipe", "None", "application/x-recordio");
    fs::create_dir_all(tree.path("checkpoints")).unwrap();
    tree.hyperparameters(&[("epochs", "4"), ("mini_batch_size", "3"), ("checkpoint_min_seconds", "0")]);
    tree
}

/// The pipes of a new container.
fn pipes(tree: &OptMl) {
    let data = tree.path("input/data");
    fs::remove_dir_all(&data).ok();
    fs::create_dir_all(&data).unwrap();
    // Those whose readers are killed wait until the test ends.
    feed(tree.channel("train"), records(8), 4);
    feed(tree.channel("validation"), records(3), 4);
}

#[test]
fn killed_in_pipe_mode_the_weights_are_those_of_an_uncut_run() {
    let tree = job();
    pipes(&tree);
    let told = tree.train();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    let expected = left(&tree);
    for wanted in [1, 2] {
        let tree = job();
        pipes(&tree);
        let mut child = start(&tree);
        wait_for_checkpoint(&tree, &mut child);
        while checkpoints(&tree).len() < wanted && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        ended(child);
        pipes(&tree);
        let told = tree.train();
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        assert!(told.out.contains("Resuming from checkpoint"), "{}", told.out);
        assert_same(&tree, &expected, &told.out);
    }
}

//! `sync_batch_norm`: ranks leave the weights of one rank that takes all images of a step.

use super::threads::run;
use super::{train, trees};
use crate::harness::{OptMl, Told, brazier};
use crate::incremental::params;

/// Five epochs, 15 or 20 steps, of a batch of `batch` images over `hosts` hosts.
fn jobs(hosts: usize, batch: usize, synchronised: &str) -> Vec<OptMl> {
    let per_host = (batch / hosts).to_string();
    let settings = [
        ("mini_batch_size", per_host.as_str()),
        ("sync_batch_norm", synchronised),
        ("learning_rate", "0.001"),
        ("epochs", "5"),
        ("checkpoint_frequency", "5"),
    ];
    trees(hosts, &settings)
}

/// How far the arrays of two models are apart, measured by the largest value of each, or by 1.
fn furthest(one: &OptMl, other: &OptMl) -> f32 {
    let [one, other] = [one, other].map(|tree| params(&tree.path("model").join(tree.weights())));
    let apart = one.into_iter().map(|(name, one)| {
        let (one, other) = (one.to_f32().unwrap(), other[&name].to_f32().unwrap());
        let largest = one.iter().fold(1.0, |largest: f32, value| largest.max(value.abs()));
        one.iter().zip(&other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / largest
    });
    apart.fold(0.0, f32::max)
}

#[test]
fn hosts_leave_the_weights_of_one_rank() {
    let alone = jobs(1, 6, "1");
    train(&alone);
    let apart = jobs(2, 6, "1");
    train(&apart);
    let distance = furthest(&alone[0], &apart[0]);
    assert!(distance <= 1e-5, "{distance}");
    // Each with statistics of its own three images they come to other weights.
    let unlike = jobs(2, 6, "0");
    train(&unlike);
    let distance = furthest(&alone[0], &unlike[0]);
    assert!(distance > 1e-2, "{distance}");
}

#[test]
fn ranks_of_unequal_parts_leave_the_weights_of_one_rank() {
    let alone = jobs(1, 7, "1").remove(0);
    run(&alone, "1");
    // Three, two and two images.
    let three = jobs(1, 7, "1").remove(0);
    run(&three, "3");
    let distance = furthest(&alone, &three);
    assert!(distance <= 1e-5, "{distance}");
}

#[test]
fn what_cannot_be_synchronised_is_refused() {
    for (name, value, word) in
        [("compute_dtype", "bfloat16", "Bfloat16"), ("BRAZIER_KERNELS", "flex", "not ours")]
    {
        let tree = jobs(1, 6, "1").remove(0);
        let mut command = brazier();
        command.args(["train", "--prefix"]).arg(tree.0.path());
        match name {
            "compute_dtype" => super::job(&tree, &[("sync_batch_norm", "1"), (name, value)]),
            _ => _ = command.env(name, value),
        }
        let told: Told = command.output().unwrap().into();
        assert_eq!(told.code, 2, "{}{}", told.out, told.err);
        let failure = tree.failure().unwrap();
        assert!(failure.contains("sync_batch_norm") && failure.contains(word), "{failure}");
    }
}

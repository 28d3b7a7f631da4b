//! Several ranks in one process: what they leave is what as many processes leave.

use std::fs;
use std::process::{Child, Command, Stdio};

use super::{ended, free_port, last, train, trees, wait_for_checkpoint, weights};
use crate::harness::{CLASSES, OptMl, Told, brazier, image, write_folders};

/// A process with `ranks` ranks on `tree`.
pub fn process(tree: &OptMl, ranks: &str) -> Command {
    let mut command = brazier();
    command.args(["train", "--ranks", ranks, "--prefix"]).arg(tree.0.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(tree: &OptMl, ranks: &str) -> Told {
    let told: Told = process(tree, ranks).output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    told
}

/// The tree of a host of two ranks, which takes the six images of a step that two hosts of one rank take.
fn host() -> OptMl {
    trees(1, &[("mini_batch_size", "6")]).remove(0)
}

fn term(child: &Child) {
    super::signal(child, "-TERM");
}

#[test]
fn ranks_of_one_process_leave_the_weights_of_as_many_processes_and_one_log() {
    let processes = trees(2, &[]);
    let told_apart = train(&processes);
    let tree = host();
    let told = run(&tree, "2");
    assert!(weights(&tree) == weights(&processes[0]), "{}", told.out);
    assert_eq!(last(&told, "Validation-loss="), last(&told_apart[0], "Validation-loss="));
    for line in ["Epoch[0] Train-accuracy=", "---- Parameters ----", "Epoch[7] Validation-accuracy="] {
        assert_eq!(told.out.matches(line).count(), 1, "{line}: {}", told.out);
    }
    assert!(told.out.contains("Training with 2 ranks on this host"), "{}", told.out);
    assert!(told.out.contains("kv_store: device"), "{}", told.out);
    // One rank takes other steps: its statistics are those of six images.
    let alone = host();
    run(&alone, "1");
    assert!(weights(&alone) != weights(&tree));
}

#[test]
fn two_hosts_of_two_ranks_leave_the_weights_of_four() {
    let four = trees(4, &[]);
    train(&four);
    let (port, hosts) = (free_port().to_string(), [host(), host()]);
    let children = hosts.iter().enumerate().map(|(rank, tree)| {
        let mut command = process(tree, "2");
        command.envs([("WORLD_SIZE", "2"), ("RANK", rank.to_string().as_str())]);
        command.envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port)]).spawn().unwrap()
    });
    let told = ended(children.collect());
    told.iter().for_each(|told| assert_eq!(told.code, 0, "{}{}", told.out, told.err));
    assert!(weights(&hosts[0]) == weights(&four[0]));
    assert!(told[1].out.contains("Ranks 2 to 3 of 4"), "{}", told[1].out);
}

#[test]
fn a_signal_saves_the_state_once_and_any_ranks_go_on() {
    let whole = host();
    run(&whole, "2");
    let cut = host();
    let mut child = process(&cut, "2").spawn().unwrap();
    wait_for_checkpoint(&cut, &mut child);
    term(&child);
    let told: Told = child.wait_with_output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(told.out.matches("Stopped by a signal").count(), 1, "{}", told.out);
    let told = run(&cut, "2");
    assert!(told.out.matches("Resuming from checkpoint").count() == 1, "{}", told.out);
    assert!(weights(&cut) == weights(&whole), "{}", told.out);
}

#[test]
fn an_error_of_one_rank_ends_the_process_with_its_reason() {
    let tree = host();
    fs::remove_file(tree.channel("train").join("data.rec")).unwrap();
    write_folders(&tree.channel("train"), 40);
    let whole = image(2, 9);
    fs::write(tree.channel("train").join(CLASSES[2]).join("9.png"), &whole[..whole.len() / 2]).unwrap();
    let told: Told = process(&tree, "3").output().unwrap().into();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.starts_with("ClientError: ") && failure.contains("9.png"), "{failure}");
    assert!(!failure.contains("stopped: "), "{failure}");
}

#[test]
fn hosts_of_other_numbers_of_ranks_and_steps_too_small_are_refused() {
    let tree = host();
    let told: Told = process(&tree, "7").output().unwrap().into();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    let failure = tree.failure().unwrap();
    assert!(failure.contains("a step of 6 images for 7 ranks"), "{failure}");
    // Two processes, of one rank and of two: whoever comes to the door with another number is refused by name.
    let port = free_port().to_string();
    let hosts = [host(), host()];
    hosts.iter().for_each(|tree| super::job(tree, &[("rendezvous_seconds", "3")]));
    let children = hosts.iter().enumerate().map(|(rank, tree)| {
        let mut command = process(tree, ["1", "2"][rank]);
        command.envs([("WORLD_SIZE", "2"), ("RANK", rank.to_string().as_str())]);
        command.envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port)]).spawn().unwrap()
    });
    let told = ended(children.collect());
    assert!(told.iter().all(|told| told.code == 4), "{}{}", told[0].out, told[1].out);
    assert!(told[0].out.contains("it counts 4 ranks, rank 0 counts 2"), "{}", told[0].out);
}

#[test]
fn a_person_s_run_takes_them_as_well() {
    let folder = tempfile::tempdir().unwrap();
    write_folders(&folder.path().join("data"), 8);
    let mut command = brazier();
    command.arg("train").arg(folder.path().join("data")).arg("--output").arg(folder.path().join("out"));
    command.args(["--epochs", "1", "--mini-batch-size", "6", "--ranks", "2"]);
    let told: Told = command.output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(told.out.matches("Packed:").count(), 1, "{}", told.out);
}

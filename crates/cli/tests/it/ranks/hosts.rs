//! A job on hosts of a network of its own, one of which is killed, stopped, cut off or slowed at a random moment.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{job, weights};
use crate::checkpoints::random;
use crate::harness::OptMl;

#[path = "../../../../collective/tests/hosts/network.rs"]
#[allow(dead_code, clippy::print_stderr, reason = "shared with the tests of `collective`; says why it skips")]
mod network;

use network::{Network, one_at_a_time};

const HOSTS: usize = 3;

/// Runs; `BRAZIER_HOSTS` asks for more.
fn runs() -> u64 {
    std::env::var("BRAZIER_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// The containers of a job on three hosts.
fn containers() -> Vec<OptMl> {
    let names: Vec<String> = (1..=HOSTS).map(|host| format!("algo-{host}")).collect();
    let tree = |name: &String| {
        let tree = OptMl::with_records();
        job(&tree, &[("rendezvous_seconds", "10")]);
        let resources = json!({"current_host": name, "hosts": names, "network_interface_name": "eth0"});
        tree.write("input/config/resourceconfig.json", &resources.to_string());
        tree
    };
    names.iter().map(tree).collect()
}

fn start(network: &mut Network, trees: &[OptMl]) {
    network.name_all("algo");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_brazier"));
    network.start(|rank, command| {
        command.arg(&program).args(["train", "--prefix"]).arg(trees[rank].0.path());
        command.env_remove("WORLD_SIZE");
    });
}

fn finish(network: &mut Network, trees: &[OptMl], what: &str) {
    for tree in trees {
        fs::remove_file(tree.path("output/failure")).ok();
    }
    start(network, trees);
    for rank in 0..HOSTS {
        let code = network.wait(rank);
        assert_eq!(code, Some(0), "{what}: rank {rank}: {}{}", network.output(rank), network.error(rank));
    }
}

fn signal(process: u32, name: &str) {
    // It may have ended.
    Command::new("kill").args([name, &process.to_string()]).output().unwrap();
}

#[test]
fn a_host_that_fails_is_named_and_the_job_goes_on_to_the_same_weights() {
    let _alone = one_at_a_time();
    let Some(mut network) = Network::new(HOSTS) else { return };
    let whole = containers();
    let clock = Instant::now();
    finish(&mut network, &whole, "uncut");
    let (expected, lasts) = (weights(&whole[0]), clock.elapsed().as_millis() as u64);
    let mut named = 0;
    for seed in 0..runs() {
        let mut random = random(seed + 1);
        let (victim, fault) = (random(HOSTS as u64) as usize, ["kill", "stop", "cut"][random(3) as usize]);
        let trees = containers();
        start(&mut network, &trees);
        let moment = random(lasts);
        thread::sleep(Duration::from_millis(moment));
        let what = format!("seed {seed}: {fault} of algo-{} after {moment} ms", victim + 1);
        match fault {
            "kill" => network.kill(victim),
            "stop" => signal(network.process(victim), "-STOP"),
            _ => network.cut(victim),
        }
        let clock = Instant::now();
        let others = (0..HOSTS).filter(|rank| *rank != victim);
        let codes: Vec<Option<i32>> = others.clone().map(|rank| network.wait(rank)).collect();
        // Those that have met are told within the limit of silence; before, all wait for the rendezvous.
        assert!(clock.elapsed() < Duration::from_secs(15), "{what}: {:?}", clock.elapsed());
        for (rank, code) in others.zip(codes) {
            let told = network.output(rank);
            assert!(matches!(code, Some(0 | 4)), "{what}: rank {rank} ended with {code:?}: {told}");
            if code == Some(4) {
                let failure = trees[rank].failure().unwrap();
                let names_it = failure.contains(&format!("rank {victim} (algo-{})", victim + 1));
                // Before rank 0 was met nobody knows more than that it is not there.
                assert!(names_it || failure.contains("algo-1"), "{what}: rank {rank}: {failure}");
                named += usize::from(names_it);
            }
        }
        signal(network.process(victim), "-KILL");
        network.wait(victim);
        network.mend(victim);
        finish(&mut network, &trees, &what);
        assert!(weights(&trees[0]) == expected, "{what}: other weights: {}", network.output(0));
    }
    println!("{named} times the host was named, in {} runs", runs());
    assert!(named > 0);
}

#[test]
fn a_slow_host_ends_with_the_same_weights() {
    let _alone = one_at_a_time();
    let Some(mut network) = Network::new(HOSTS) else { return };
    let whole = containers();
    finish(&mut network, &whole, "uncut");
    let expected = weights(&whole[0]);
    // 5 ms each way and 100 Mbit/s; a frame in a hundred is lost.
    if !network.slow_down(1, 5, 1, 100) {
        return;
    }
    let trees = containers();
    finish(&mut network, &trees, "slow");
    assert!(weights(&trees[0]) == expected, "{}", network.output(0));
}

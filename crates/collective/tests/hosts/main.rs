//! The ring between hosts: network namespaces on a bridge, one of them cut off, slow, or without a name at first.
//!
//! This takes root, `ip` (Debian: iproute2) and, for slow links, python3 and /dev/net/tun; what is missing is printed, and
//! the test passes without having tested. `BRAZIER_RING_RUNS` sets the number of runs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says what it skips"
)]

#[allow(dead_code, reason = "shared with the tests of `cli`")]
mod network;

use std::thread;
use std::time::{Duration, Instant};

use network::{Network, one_at_a_time};

/// The limit of silence, in ms.
const SILENCE: u64 = 2000;

/// The example `rank` on every host.
fn start(network: &mut Network, variables: &[(&str, &str)]) {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/rank");
    let (world, master) = (network.hosts.to_string(), network.master.clone());
    network.start(|rank, command| {
        command.arg(&program).envs([("RANK", &rank.to_string()), ("WORLD_SIZE", &world)]);
        command.env("MASTER_ADDR", &master).envs(variables.iter().copied());
    });
}

fn runs() -> u64 {
    std::env::var("BRAZIER_RING_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3)
}

#[test]
fn a_host_that_is_cut_off_is_named_by_all_others() {
    let _alone = one_at_a_time();
    for run in 0..runs() as usize {
        let Some(mut network) = Network::new(4) else { return };
        let (victim, pause) = (run % 4, ["0", "30"][run / 2 % 2]);
        let silence = SILENCE.to_string();
        start(
            &mut network,
            &[("STEPS", "1000000"), ("PAUSE", pause), ("VALUES", "200000"), ("SILENCE", &silence)],
        );
        network.reach(victim, 3);
        thread::sleep(Duration::from_millis(run as u64 * 37 % 100));
        network.cut(victim);
        let clock = Instant::now();
        for rank in (0..4).filter(|rank| *rank != victim) {
            assert_eq!(network.wait(rank), Some(1), "{}", network.error(rank));
            let error = network.error(rank);
            let told = format!("rank {victim} (host-{victim}) is gone: nothing was heard of it for ");
            assert!(error.starts_with(&told), "run {run}, rank {rank}: {error}");
        }
        // What the limit covers is the news; leaving takes up to a quarter of it more.
        let limit = Duration::from_millis(SILENCE + SILENCE / 4);
        assert!(clock.elapsed() < limit, "run {run}: {:?}", clock.elapsed());
        // The one that is cut off cannot know more than that it hears nobody.
        assert_eq!(network.wait(victim), Some(1));
        assert!(
            network.error(victim).contains("is gone: nothing was heard of it"),
            "{}",
            network.error(victim)
        );
    }
}

#[test]
fn slow_links_are_no_failure() {
    let _alone = one_at_a_time();
    let Some(mut network) = Network::new(3) else { return };
    // 200 ms each way, 1 % of the frames lost, 10 Mbit/s: 4 MB take half a minute to go around.
    if !network.slow_down(1, 200, 1, 10) {
        return;
    }
    start(&mut network, &[("STEPS", "3"), ("VALUES", "1000000"), ("SILENCE", "10000")]);
    for rank in 0..3 {
        assert_eq!(network.wait(rank), Some(0), "rank {rank}: {}", network.error(rank));
    }
}

#[test]
fn a_host_behind_a_slow_link_that_is_killed_is_named() {
    let _alone = one_at_a_time();
    let Some(mut network) = Network::new(3) else { return };
    if !network.slow_down(2, 200, 1, 10) {
        return;
    }
    start(&mut network, &[("STEPS", "1000"), ("VALUES", "30000"), ("SILENCE", "10000")]);
    network.reach(2, 2);
    network.kill(2);
    let clock = Instant::now();
    for rank in 0..2 {
        assert_eq!(network.wait(rank), Some(1), "{}", network.error(rank));
        assert!(network.error(rank).starts_with("rank 2 (host-2) is gone: "), "{}", network.error(rank));
    }
    assert!(clock.elapsed() < Duration::from_secs(10), "{:?}", clock.elapsed());
}

#[test]
fn a_name_that_appears_late_is_found() {
    let _alone = one_at_a_time();
    let Some(mut network) = Network::new(2) else { return };
    network.master = "algo-1".to_owned();
    start(&mut network, &[("STEPS", "2")]);
    thread::sleep(Duration::from_millis(800));
    network.name_master("algo-1");
    for rank in 0..2 {
        assert_eq!(network.wait(rank), Some(0), "{}", network.error(rank));
    }
}

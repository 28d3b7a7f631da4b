//! Ranks as processes, one of which is killed or stopped at any moment.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{free_port, groups};

/// The example `rank`, which cargo builds beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/rank")
}

struct Processes {
    ranks: Vec<Child>,
    folder: tempfile::TempDir,
}

/// The limit of silence of these, in ms.
const SILENCE: u64 = 1500;

impl Processes {
    fn start(world: usize, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().to_string();
        let start = |rank: usize| {
            let file = |kind: &str| File::create(folder.path().join(format!("{rank}.{kind}"))).unwrap();
            Command::new(program())
                .envs([("WORLD_SIZE", world.to_string()), ("RANK", rank.to_string())])
                .envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", port.as_str())])
                .envs([("SILENCE", SILENCE.to_string()), ("RENDEZVOUS", "30000".to_owned())])
                .envs(variables.iter().copied())
                .stdout(file("out"))
                .stderr(file("err"))
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self { ranks: (0..world).map(start).collect(), folder }
    }

    fn output(&self, rank: usize, kind: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{rank}.{kind}"))).unwrap()
    }

    /// Waits until a rank has printed so many lines.
    fn reach(&self, rank: usize, lines: usize) {
        let start = Instant::now();
        while self.output(rank, "out").lines().count() < lines {
            assert!(start.elapsed() < Duration::from_secs(60), "rank {rank}: {}", self.output(rank, "err"));
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, rank: usize, signal: &str) {
        let id = self.ranks[rank].id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Each rank's exit code, as they come.
    fn wait(&mut self, rank: usize, limit: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ranks[rank].try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < limit, "rank {rank} still runs: {}", self.output(rank, "out"));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for rank in &mut self.ranks {
            let _ = rank.kill();
            let _ = rank.wait();
        }
    }
}

/// Pseudo-random, the same in every run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// How many runs of each kind: `BRAZIER_RING_RUNS`, or a few.
fn runs() -> u64 {
    std::env::var("BRAZIER_RING_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

fn survive(signal: &str, limit: Duration, seed: u64) {
    let mut seed = seed;
    for run in 0..runs() {
        let world = 2 + (next(&mut seed) % 4) as usize;
        let victim = next(&mut seed) as usize % world;
        let pause = ["0", "0", "20"][next(&mut seed) as usize % 3];
        let values = ["1000", "100000", "1000000"][next(&mut seed) as usize % 3];
        let mut processes =
            Processes::start(world, &[("STEPS", "1000000"), ("PAUSE", pause), ("VALUES", values)]);
        processes.reach(victim, 1 + (next(&mut seed) % 6) as usize);
        thread::sleep(Duration::from_millis(next(&mut seed) % 40));
        let told = format!("run {run}: {signal} of rank {victim} of {world}, {values} values, pause {pause}");
        processes.signal(victim, signal);
        let clock = Instant::now();
        for rank in (0..world).filter(|rank| *rank != victim) {
            assert_eq!(processes.wait(rank, limit * 3), Some(1), "{told}: {}", processes.output(rank, "err"));
            let error = processes.output(rank, "err");
            assert!(
                error.starts_with(&format!("rank {victim} (host-{victim}) is gone: ")),
                "{told}: {error}"
            );
        }
        assert!(clock.elapsed() < limit, "{told}: {:?}", clock.elapsed());
    }
}

#[test]
fn a_killed_process_is_named_at_once_by_all_others() {
    survive("-KILL", Duration::from_millis(SILENCE / 2), 1);
}

#[test]
fn a_stopped_process_is_named_within_the_limit_by_all_others() {
    // What the limit covers is the news; leaving takes up to a quarter of it more.
    survive("-STOP", Duration::from_millis(SILENCE + SILENCE / 4), 2);
}

#[test]
fn a_stopped_process_that_goes_on_learns_that_it_was_given_up() {
    for victim in [0, 1] {
        let mut processes = Processes::start(3, &[("STEPS", "1000000"), ("VALUES", "1000")]);
        processes.reach(victim, 3);
        processes.signal(victim, "-STOP");
        for rank in (0..3).filter(|rank| *rank != victim) {
            assert_eq!(processes.wait(rank, Duration::from_secs(20)), Some(1));
        }
        processes.signal(victim, "-CONT");
        assert_eq!(processes.wait(victim, Duration::from_secs(20)), Some(1));
        let error = processes.output(victim, "err");
        assert!(error.contains(" is gone: "), "{error}");
    }
}

#[test]
fn a_short_stop_is_no_death() {
    let mut processes = Processes::start(3, &[("STEPS", "60"), ("PAUSE", "10"), ("VALUES", "100000")]);
    for rank in [0, 1, 2, 0] {
        processes.reach(rank, 3);
        processes.signal(rank, "-STOP");
        thread::sleep(Duration::from_millis(SILENCE / 3));
        processes.signal(rank, "-CONT");
        thread::sleep(Duration::from_millis(50));
    }
    for rank in 0..3 {
        assert_eq!(
            processes.wait(rank, Duration::from_secs(60)),
            Some(0),
            "{}",
            processes.output(rank, "err")
        );
    }
}

#[test]
fn eight_processes_end_in_order() {
    assert!(Path::new(&program()).exists() && groups(8).len() == 8);
    let mut processes = Processes::start(8, &[("STEPS", "10"), ("VALUES", "100003")]);
    for rank in 0..8 {
        assert_eq!(
            processes.wait(rank, Duration::from_secs(60)),
            Some(0),
            "{}",
            processes.output(rank, "err")
        );
        assert_eq!(processes.output(rank, "out").lines().count(), 11);
    }
}

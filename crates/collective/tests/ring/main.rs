//! The ring over loopback.
//!
//! - `sums`: every operation, against plain sums and copies; what they move
//! - `rendezvous`: who is missing, who is a stranger, who is wrong
//! - `failures`: ranks that end, fall silent, hang, disagree, stop; as threads
//! - `processes`: ranks that are killed and stopped; as processes

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod failures;
mod processes;
mod rendezvous;
mod sums;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use brazier_collective::CollectiveError;
use brazier_collective::ring::{Group, Limits, Ring};

/// Short enough for a test, long enough for a busy machine.
const LIMITS: Limits = Limits {
    rendezvous: Duration::from_secs(20),
    silence: Duration::from_millis(1500),
    stall: Duration::from_secs(60),
};

/// A port that is free, and that the system gives to no outgoing connection.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 61;
        let port = 10_000 + (number % 20_000) as u16;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// The ranks of a new group, as they see it.
fn groups(world: usize) -> Vec<Group> {
    let master = format!("127.0.0.1:{}", free_port());
    let names: Vec<_> = (1..=world).map(|number| format!("algo-{number}")).collect();
    let group = |rank: usize| Group {
        rank,
        world,
        host: names[rank].clone(),
        names: names.clone(),
        master: master.clone(),
        interface: None,
        fingerprint: "ResNet-18".to_owned(),
        limits: LIMITS,
    };
    (0..world).map(group).collect()
}

/// What joining gives each of these.
fn join_all(groups: &[Group]) -> Vec<Result<Ring, CollectiveError>> {
    thread::scope(|scope| {
        let ranks: Vec<_> = groups.iter().map(|group| scope.spawn(|| Ring::join(group))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// What `work` returns on each rank of a new group.
fn on_all<T: Send>(world: usize, work: impl Fn(Ring) -> T + Sync) -> Vec<T> {
    on_each(&groups(world), work)
}

fn on_each<T: Send>(groups: &[Group], work: impl Fn(Ring) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let run = |group| scope.spawn(move || work(Ring::join(group).unwrap()));
        let ranks: Vec<_> = groups.iter().map(run).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

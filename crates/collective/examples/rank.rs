//! One rank that sums numbers until it is told to stop; tests kill it, stop it and cut it off.
//!
//!     RANK=0 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=7777 cargo run -p brazier-collective --example rank
//!
//! Further variables: `HOST` (its name), `STEPS` (default 100), `VALUES` (per step, 100000), `PAUSE` (ms between steps,
//! 0), `SILENCE` and `RENDEZVOUS` (ms), `INTERFACE`. It prints each step, checks every sum, and ends with 1 and one
//! sentence if the group breaks, with 3 if a sum is wrong.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and tests")]

use std::env;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use brazier_collective::ring::{Group, Limits, Ring};
use brazier_collective::{Collective, CollectiveError, Wire};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A variable, or what stands for it.
fn variable<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run() -> Result<bool, CollectiveError> {
    let (rank, world): (usize, usize) = (variable("RANK", 0), variable("WORLD_SIZE", 1));
    let limits = Limits {
        rendezvous: Duration::from_millis(variable("RENDEZVOUS", 300_000)),
        silence: Duration::from_millis(variable("SILENCE", 10_000)),
        ..Limits::default()
    };
    let address: String = variable("MASTER_ADDR", "localhost".to_owned());
    let mut ring = Ring::join(&Group {
        rank,
        world,
        host: variable("HOST", format!("host-{rank}")),
        names: (0..world).map(|rank| format!("host-{rank}")).collect(),
        master: format!("{address}:{}", variable("MASTER_PORT", 7777)),
        interface: env::var("INTERFACE").ok(),
        fingerprint: "example".to_owned(),
        limits,
    })?;
    println!("joined");
    let mut values = vec![0.0; variable("VALUES", 100_000)];
    for step in 0..variable("STEPS", 100u64) {
        if !right_sum(&mut ring, &mut values, step)? || !right_bytes(&mut ring, step)? {
            eprintln!("step {step}: the sum is wrong");
            return Ok(false);
        }
        println!("step {step}");
        thread::sleep(Duration::from_millis(variable("PAUSE", 0)));
    }
    ring.barrier()?;
    Ok(true)
}

fn right_sum(ring: &mut Ring, values: &mut [f32], step: u64) -> Result<bool, CollectiveError> {
    let (rank, world) = (ring.rank() as f32, ring.world() as f32);
    let round = (step % 7) as f32;
    values.iter_mut().enumerate().for_each(|(index, value)| *value = rank + round + (index % 5) as f32);
    let wire = if step % 3 == 2 { Wire::Float16 } else { Wire::Float32 };
    ring.all_reduce_sum(values, wire)?;
    let expected = |index: usize| world * (world - 1.0) / 2.0 + world * (round + (index % 5) as f32);
    Ok(values.iter().enumerate().all(|(index, value)| *value == expected(index)))
}

fn right_bytes(ring: &mut Ring, step: u64) -> Result<bool, CollectiveError> {
    let root = (step % ring.world() as u64) as usize;
    let mut bytes = if ring.rank() == root { vec![step as u8; 1000] } else { Vec::new() };
    ring.broadcast(root, &mut bytes)?;
    let all = ring.all_gather(vec![ring.rank() as u8; ring.rank()])?;
    let whole = all.iter().enumerate().all(|(rank, bytes)| *bytes == vec![rank as u8; rank]);
    Ok(whole && bytes == vec![step as u8; 1000])
}

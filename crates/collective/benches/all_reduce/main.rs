//! What the ring moves beside what `iperf3` moves, and what a byte and a message cost.
//!
//!     cargo bench -p brazier-collective --bench all_reduce
//!
//! Two processes sum 100 MB over loopback, in turn with `iperf3 --bidir`, which also moves bytes both ways at once between
//! two processes. In a ring of two each rank sends 2(n-1)/n = 1 times its values: 100 MB must cross each way. Compared are
//! bytes that crossed, both ways together, per second. Asked: the ring reaches 80 % of iperf3 (Debian: `iperf3`).
//! Then worlds of 2, 4 and 8 processes sum few and many values, which gives the cost model's two numbers.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod model;

use std::env;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use brazier_collective::ring::{Group, Limits, Ring};
use brazier_collective::{Collective, Wire};

/// 100 MB.
const VALUES: usize = 25_000_000;
const ROUNDS: usize = 7;

fn main() {
    if env::var("RANK").is_ok() {
        return rank();
    }
    let (mut ours, mut half) = (Vec::new(), Vec::new());
    let (mut theirs, mut small) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let bytes = 2.0 * VALUES as f64 * 4.0;
        ours.push(bytes / processes(2, VALUES, 8, Wire::Float32));
        half.push(bytes / processes(2, VALUES, 8, Wire::Float16));
        let (Some(rate), Some(small_rate)) = (iperf3(&[]), iperf3(&["-w", "512K"])) else {
            println!("iperf3 is not installed: nothing to compare with");
            break;
        };
        theirs.push(rate);
        small.push(small_rate);
        let [ours, theirs] = [ours[round], theirs[round]].map(|rate: f64| rate / 1e9);
        println!("round {round}: ring {ours:.2} GB/s, iperf3 {theirs:.2} GB/s, both ways together");
    }
    let (ours, half) = (median(ours), median(half));
    println!("ring, float32            {:.2} GB/s (100 MB in {:.1} ms)", ours / 1e9, 200e6 / ours * 1e3);
    println!(
        "ring, float16            {:.2} GB/s of values (100 MB in {:.1} ms)",
        half / 1e9,
        200e6 / half * 1e3
    );
    if !theirs.is_empty() {
        let theirs = median(theirs);
        println!("iperf3 --bidir           {:.2} GB/s", theirs / 1e9);
        println!("iperf3 --bidir -w 512K   {:.2} GB/s (buffers as small as the ring's)", median(small) / 1e9);
        println!("ratio to the first       {:.2} (asked: >= 0.80)", ours / theirs);
    }
    let median_of_3 =
        |world, values| median((0..3).map(|_| processes(world, values, 40, Wire::Float32)).collect());
    for world in [2, 4, 8] {
        for values in [10, 100_000, 2_500_000] {
            println!("{world} processes, {values:>9} values: {:9.1} us", median_of_3(world, values) * 1e6);
        }
    }
    // Two processes: two steps, each a message; as many bytes sent as there are.
    let message = median_of_3(2, 10) / 2.0;
    let byte = |rate: f64, width: usize| {
        let seconds = 2.0 * (VALUES * 4) as f64 / rate;
        (seconds - 2.0 * message) / (VALUES * width) as f64
    };
    model::print(&model::Costs { message, bytes: [byte(ours, 4), byte(half, 2)] });
}

/// Seconds per all-reduce: the median over repetitions, as rank 0 sees it.
fn processes(world: usize, values: usize, repetitions: usize, wire: Wire) -> f64 {
    let port = free_port();
    let start = |rank: usize| {
        Command::new(env::current_exe().unwrap())
            .envs([("RANK", rank.to_string()), ("WORLD_SIZE", world.to_string()), ("PORT", port.to_string())])
            .envs([("VALUES", values.to_string()), ("REPETITIONS", repetitions.to_string())])
            .env("WIRE", format!("{wire:?}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let ranks: Vec<_> = (0..world).map(start).collect();
    let outputs: Vec<_> = ranks.into_iter().map(|rank| rank.wait_with_output().unwrap()).collect();
    assert!(outputs.iter().all(|output| output.status.success()));
    String::from_utf8(outputs[0].stdout.clone()).unwrap().trim().parse().unwrap()
}

/// One of the processes.
fn rank() {
    let number = |name: &str| env::var(name).unwrap().parse::<usize>().unwrap();
    let wire = if env::var("WIRE").unwrap() == "Float16" { Wire::Float16 } else { Wire::Float32 };
    let (rank, world) = (number("RANK"), number("WORLD_SIZE"));
    let mut ring = Ring::join(&Group {
        rank,
        world,
        host: String::new(),
        names: Vec::new(),
        master: format!("127.0.0.1:{}", number("PORT")),
        interface: None,
        fingerprint: String::new(),
        limits: Limits::default(),
    })
    .unwrap();
    let mut values = vec![0.0; number("VALUES")];
    let mut times = Vec::new();
    for repetition in 0..number("REPETITIONS") + 1 {
        values.fill(1.0);
        ring.barrier().unwrap();
        let clock = Instant::now();
        ring.all_reduce_sum(&mut values, wire).unwrap();
        // The first one finds cold sockets and cold memory.
        if repetition > 0 {
            times.push(clock.elapsed().as_secs_f64());
        }
        assert!(values.iter().all(|value| *value == world as f32));
    }
    ring.barrier().unwrap();
    if rank == 0 {
        println!("{}", median(times));
    }
}

/// Bytes per second of `iperf3 --bidir`, both ways together, or `None` where it is not installed.
fn iperf3(options: &[&str]) -> Option<f64> {
    let port = free_port().to_string();
    let mut server = Command::new("iperf3")
        .args(["-s", "-1", "-p", &port, "--forceflush"])
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("listening")));
    // Nobody reads on, and a full pipe would stop it.
    let rest = thread::spawn(move || lines.count());
    let client = Command::new("iperf3")
        .args(["-c", "127.0.0.1", "-p", &port, "--bidir", "-t", "2", "-J"])
        .args(options)
        .output()
        .unwrap();
    server.wait().unwrap();
    rest.join().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&client.stdout).unwrap();
    let rate = |key: &str| report["end"][key]["bits_per_second"].as_f64().unwrap() / 8.0;
    Some(rate("sum_received") + rate("sum_received_bidir_reverse"))
}

fn free_port() -> u16 {
    thread::sleep(Duration::from_millis(20));
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! Ranks that end, fall silent, hang, disagree or stop.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use brazier_collective::ring::{Group, Ring};
use brazier_collective::{Collective, CollectiveError, Wire};

use crate::{LIMITS, groups, on_all, on_each};

type Call = fn(&mut Ring) -> Result<(), CollectiveError>;

const CALLS: [Call; 5] = [
    |ring| ring.barrier(),
    |ring| ring.all_gather(vec![1]).map(|_| ()),
    |ring| ring.all_reduce_sum(&mut [1.0; 100], Wire::Float32),
    |ring| ring.broadcast(0, &mut vec![1]),
    |ring| ring.broadcast(2, &mut vec![1]),
];

#[test]
fn a_rank_that_leaves_in_the_middle_is_named_by_all_others_at_once() {
    for call in CALLS {
        for gone in 0..4 {
            let clock = Instant::now();
            let errors = on_all(4, |mut ring| {
                ring.barrier().unwrap();
                let reduced = ring.all_reduce_sum(&mut [1.0], Wire::Float32);
                if ring.rank() == gone {
                    return None;
                }
                // It may be gone before all that it sent has gone around, and a broadcast does not need everyone.
                let called = reduced.and_then(|()| call(&mut ring));
                let error = called.and_then(|()| ring.barrier()).unwrap_err();
                assert_eq!(ring.barrier().unwrap_err(), error, "the group stays broken");
                Some(error.to_string())
            });
            let told = format!("rank {gone} (algo-{}) is gone: it left in the middle of the run", gone + 1);
            for (rank, error) in errors.into_iter().enumerate() {
                assert_eq!(error.unwrap_or(told.clone()), told, "rank {rank}");
            }
            assert!(clock.elapsed() < LIMITS.silence, "{:?}", clock.elapsed());
        }
    }
}

#[test]
fn a_rank_that_leaves_before_the_others_are_done_is_named() {
    let errors = on_all(3, |mut ring| {
        ring.barrier().unwrap();
        (ring.rank() != 0).then(|| ring.barrier().unwrap_err().to_string())
    });
    for error in errors.into_iter().flatten() {
        let known = ["it left before the barrier", "it left after operation 1, others went on"];
        assert!(known.iter().any(|why| error == format!("rank 0 (algo-1) is gone: {why}")), "{error}");
    }
    let errors = on_all(3, |mut ring| {
        ring.barrier().unwrap();
        (ring.rank() != 1).then(|| ring.barrier().unwrap_err().to_string())
    });
    for error in errors.into_iter().flatten() {
        assert!(error.starts_with("rank 1 (algo-2) is gone: it left "), "{error}");
    }
}

#[test]
fn after_the_last_barrier_ranks_leave_in_any_order() {
    for order in [[0u64, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let clock = Instant::now();
        on_all(4, |mut ring| {
            ring.all_reduce_sum(&mut [1.0; 1000], Wire::Float32).unwrap();
            ring.barrier().unwrap();
            thread::sleep(Duration::from_millis(order[ring.rank()] * 60));
        });
        assert!(clock.elapsed() < Duration::from_secs(3), "{:?}", clock.elapsed());
    }
    // One after another, in one thread.
    let mut rings = on_all(3, |mut ring| {
        ring.barrier().unwrap();
        ring
    });
    rings.drain(..).for_each(drop);
}

#[test]
fn a_panic_is_told() {
    let groups = groups(3);
    let errors: Vec<_> = thread::scope(|scope| {
        let run = |group: &'static Group| {
            scope.spawn(move || {
                let mut ring = Ring::join(group).unwrap();
                let first = ring.barrier();
                if group.rank == 2 {
                    std::panic::resume_unwind(Box::new("out of memory"));
                }
                first.and_then(|()| ring.barrier()).unwrap_err().to_string()
            })
        };
        let groups: &'static [Group] = groups.leak();
        groups.iter().map(run).collect::<Vec<_>>().into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for error in errors.into_iter().take(2) {
        // It may still unwind when the others find its connections closed, but its word comes first.
        assert_eq!(error.unwrap(), "rank 2 (algo-3) is gone: it stopped with a panic");
    }
}

#[test]
fn a_rank_that_stops_says_why_to_all() {
    for stops in 0..3 {
        let errors = on_all(3, |mut ring| {
            ring.barrier().unwrap();
            if ring.rank() == stops {
                thread::sleep(Duration::from_millis(100));
                ring.abort("sample 7 is damaged");
            }
            ring.all_reduce_sum(&mut vec![1.0; 3_000_000], Wire::Float32).unwrap_err().to_string()
        });
        let told = format!("rank {stops} (algo-{}) stopped: sample 7 is damaged", stops + 1);
        assert_eq!(errors, [told.as_str(); 3]);
    }
}

#[test]
fn who_does_something_else_is_named_by_all() {
    let errors = on_all(4, |mut ring| match ring.rank() {
        2 => ring.broadcast(1, &mut vec![]).unwrap_err().to_string(),
        _ => ring.barrier().unwrap_err().to_string(),
    });
    let told = "rank 2 (algo-3) is at the broadcast from rank 1 while we are at the barrier";
    assert_eq!([&errors[0], &errors[1], &errors[3]], [told; 3]);
    assert!(
        errors[2].ends_with("is at the barrier while we are at the broadcast from rank 1"),
        "{}",
        errors[2]
    );
    let errors = on_all(3, |mut ring| {
        let mut values = vec![0.0; if ring.rank() == 1 { 4 } else { 3 }];
        ring.all_reduce_sum(&mut values, Wire::Float32).unwrap_err().to_string()
    });
    let told = "rank 1 (algo-2) gave 4 values to the all-reduce, we gave 3";
    assert_eq!([&errors[0], &errors[2]], [told; 2]);
    assert!(errors[1].ends_with("gave 3 values to the all-reduce, we gave 4"), "{}", errors[1]);
    let errors = on_all(2, |mut ring| {
        let wire = if ring.rank() == 0 { Wire::Float32 } else { Wire::Float16 };
        ring.all_reduce_sum(&mut [1.0], wire).unwrap_err().to_string()
    });
    assert_eq!(errors[0], "rank 1 (algo-2) is at the all-reduce in float16 while we are at the all-reduce");
}

#[test]
fn a_broadcast_from_nowhere_stops_the_group() {
    let errors = on_all(2, |mut ring| match ring.rank() {
        0 => ring.broadcast(2, &mut vec![]).unwrap_err().to_string(),
        _ => ring.barrier().unwrap_err().to_string(),
    });
    assert_eq!(errors[0], "cannot broadcast from rank 2: ranks are 0 to 1");
    assert_eq!(errors[1], format!("rank 0 (algo-1) stopped: {}", errors[0]));
}

#[test]
fn a_rank_that_lives_but_does_not_come_is_named() {
    let mut groups = groups(3);
    for group in &mut groups {
        group.limits.stall = Duration::from_millis(800);
    }
    let done = Barrier::new(3);
    let errors = on_each(&groups, |mut ring| {
        ring.barrier().unwrap();
        if ring.rank() != 1 {
            let error = ring.all_reduce_sum(&mut [1.0; 10], Wire::Float32).unwrap_err();
            done.wait();
            return error.to_string();
        }
        done.wait();
        ring.barrier().unwrap_err().to_string()
    });
    let told = "rank 1 (algo-2) is alive but hangs: others have waited for 1 s at operation 2, which it has not begun";
    assert_eq!([errors[0].as_str(), &errors[2]], [told; 2]);
    // It may meet what the others sent it before it hears of the verdict.
    let met = errors[1].ends_with("is at the all-reduce while we are at the barrier");
    assert!(errors[1] == told || met, "{}", errors[1]);
}

#[test]
fn who_waits_for_a_slow_rank_waits() {
    // Longer than a link may carry nothing (twice the limit of silence), and far more than the sockets hold.
    let waits_for = |slow| {
        on_all(3, |mut ring| {
            if ring.rank() == slow {
                thread::sleep(LIMITS.silence * 2 + Duration::from_millis(500));
            }
            let mut values = vec![1.0; 4_000_000];
            ring.all_reduce_sum(&mut values, Wire::Float32).unwrap();
            assert!(values.iter().all(|value| *value == 3.0));
            ring.barrier().unwrap();
        })
    };
    thread::scope(|scope| {
        for slow in 0..3 {
            scope.spawn(move || waits_for(slow));
        }
    });
}

/// A rank made by hand: it joins, and then nobody hears of it again.
struct Silent {
    _control: TcpStream,
    _left: TcpStream,
    _right: TcpStream,
}

/// A message as the ring sends it.
fn say(stream: &mut TcpStream, message: &str) {
    stream.write_all(&(message.len() as u32).to_le_bytes()).unwrap();
    stream.write_all(message.as_bytes()).unwrap();
}

fn hear(stream: &mut TcpStream) -> serde_json::Value {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut message).unwrap();
    serde_json::from_slice(&message).unwrap()
}

/// Takes the place of the last of three ranks.
fn join_by_hand(group: &Group) -> Silent {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = || TcpStream::connect(&group.master);
    let mut control = (0..500)
        .find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            connect().ok()
        })
        .unwrap();
    control.write_all(b"brazier\x01").unwrap();
    let hello = format!(
        r#"{{"Join":{{"rank":2,"world":3,"host":"algo-3","fingerprint":"ResNet-18","port":{port}}}}}"#
    );
    say(&mut control, &hello);
    let welcome = loop {
        let message = hear(&mut control);
        if let Some(welcome) = message.get("Welcome") {
            break welcome.clone();
        }
        say(&mut control, r#"{"Beat":{"sequence":0,"inside":false,"hungry":false,"sent":0,"received":0}}"#);
    };
    let mut right = connect().unwrap();
    right.write_all(b"brazier\x01").unwrap();
    say(&mut right, &format!(r#"{{"Link":{{"token":{},"rank":2}}}}"#, welcome["token"]));
    let left = listener.accept().unwrap().0;
    Silent { _control: control, _left: left, _right: right }
}

#[test]
fn a_silent_rank_is_named_within_the_limit() {
    let groups = groups(3);
    let silent = thread::scope(|scope| {
        let last = scope.spawn(|| join_by_hand(&groups[2]));
        on_each(&groups[..2], |mut ring| {
            let clock = Instant::now();
            let error =
                ring.all_reduce_sum(&mut vec![1.0; 1_000_000], Wire::Float32).unwrap_err().to_string();
            assert!(error.starts_with("rank 2 (algo-3) is gone: nothing was heard of it for 1."), "{error}");
            assert!(clock.elapsed() < LIMITS.silence, "{:?}", clock.elapsed());
        });
        last.join().unwrap()
    });
    drop(silent);
}

//! Finding one another.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use brazier_collective::ring::{Group, Ring};
use brazier_collective::{Collective, CollectiveError};

use crate::{groups, join_all, on_each};

fn error(result: &Result<Ring, CollectiveError>) -> String {
    result.as_ref().unwrap_err().to_string()
}

#[test]
fn every_rank_names_all_that_are_missing() {
    let mut groups = groups(5);
    for group in &mut groups {
        group.limits.rendezvous = Duration::from_millis(700);
    }
    let clock = Instant::now();
    let results = join_all(&[groups[0].clone(), groups[2].clone(), groups[4].clone()]);
    for result in &results {
        assert_eq!(error(result), "rank 1 (algo-2), rank 3 (algo-4) did not come within 1 s");
    }
    assert!(clock.elapsed() < Duration::from_secs(3), "{:?}", clock.elapsed());
}

#[test]
fn rank_0_is_missing() {
    let mut group = groups(2).remove(1);
    group.limits.rendezvous = Duration::from_millis(300);
    let told = error(&Ring::join(&group));
    let start = format!("rank 0 (algo-1) did not come within 0 s: {}: ", group.master);
    assert!(told.starts_with(&start) && told.contains("refused"), "{told}");
    group.master = "algo-1.invalid:7777".to_owned();
    let told = error(&Ring::join(&group));
    assert!(told.contains("algo-1.invalid:7777: failed to lookup"), "{told}");
}

#[test]
fn the_others_may_come_first() {
    let groups = groups(3);
    let sums = thread::scope(|scope| {
        let late = |group: &'static Group, delay| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(delay));
                Ring::join(group).and_then(|mut ring| ring.barrier())
            })
        };
        let groups: &'static [Group] = groups.leak();
        let ranks = [late(&groups[0], 400), late(&groups[1], 0), late(&groups[2], 800)];
        ranks.map(|rank| rank.join().unwrap())
    });
    assert!(sums.iter().all(Result::is_ok), "{sums:?}");
}

/// A connection with whoever listens there soon.
fn call(address: &str) -> TcpStream {
    let once = |_| {
        thread::sleep(Duration::from_millis(10));
        TcpStream::connect(address).ok()
    };
    (0..500).find_map(once).unwrap()
}

/// Connections of all kinds that are none of ours, at the port of rank 0.
fn strangers(port: u16) -> Vec<TcpStream> {
    let words: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: algo-1\r\n\r\n",
        b"brazier\x01\xff\xff\xff\xff",
        b"brazier\x01\x05\x00\x00\x00[[[[[",
        b"brazier\x09\x02\x00\x00\x00{}",
        b"braz",
    ];
    let say = |words: &[u8]| {
        let mut stream = call(&format!("127.0.0.1:{port}"));
        stream.write_all(words).unwrap();
        stream
    };
    words.map(say).into()
}

#[test]
fn strangers_at_the_door_change_nothing() {
    let mut groups = groups(3);
    let port: u16 = groups[0].master.rsplit_once(':').unwrap().1.parse().unwrap();
    let crowd = thread::spawn(move || {
        let mut streams = strangers(port);
        // One that was sent away is told so by the end of its connection.
        streams[1].set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let heard = streams[1].read(&mut [0; 10]);
        assert!(!matches!(&heard, Ok(1..)), "{heard:?}");
        streams
    });
    let last = groups.pop().unwrap();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(600));
        Ring::join(&last).unwrap().barrier()
    });
    on_each(&groups, |mut ring| ring.barrier().unwrap());
    late.join().unwrap().unwrap();
    assert_eq!(crowd.join().unwrap().len(), 6);
}

#[test]
fn strangers_are_told_of_when_a_rank_is_missing() {
    let mut group = groups(2).remove(0);
    group.limits.rendezvous = Duration::from_millis(1000);
    let port: u16 = group.master.rsplit_once(':').unwrap().1.parse().unwrap();
    let crowd = thread::spawn(move || strangers(port));
    let told = error(&Ring::join(&group));
    drop(crowd.join());
    assert!(told.starts_with("rank 1 (algo-2) did not come within 1 s: "), "{told}");
    assert!(told.contains("127.0.0.1: it is no rank of ours"), "{told}");
    assert!(told.contains("127.0.0.1: it is of another version of Brazier"), "{told}");
}

#[test]
fn a_second_process_of_the_same_rank_is_refused() {
    let groups = groups(3);
    let mut twin = groups[1].clone();
    twin.host = "twin".to_owned();
    thread::scope(|scope| {
        let first = scope.spawn(|| on_each(&groups[..2], |mut ring| ring.barrier().unwrap()));
        thread::sleep(Duration::from_millis(500));
        let refused = error(&Ring::join(&twin));
        assert_eq!(
            refused,
            "rank 0 (algo-1) does not let us join: rank 1 is here already, from 127.0.0.1 (algo-2)"
        );
        Ring::join(&groups[2]).unwrap().barrier().unwrap();
        first.join().unwrap();
    });
}

#[test]
fn a_rank_that_ended_may_come_back() {
    let groups = groups(3);
    thread::scope(|scope| {
        let first = scope.spawn(|| Ring::join(&groups[0]).and_then(|mut ring| ring.barrier()));
        // It says the right words, is let in, and ends.
        let mut stream = call(&groups[0].master);
        let hello = r#"{"Join":{"rank":1,"world":3,"host":"algo-2","fingerprint":"ResNet-18","port":1}}"#;
        stream.write_all(b"brazier\x01").unwrap();
        stream.write_all(&(hello.len() as u32).to_le_bytes()).unwrap();
        stream.write_all(hello.as_bytes()).unwrap();
        let read = stream.read(&mut [0; 200]).unwrap();
        assert!(read > 4, "it was let in");
        drop(stream);
        thread::sleep(Duration::from_millis(100));
        on_each(&groups[1..], |mut ring| ring.barrier().unwrap());
        assert_eq!(first.join().unwrap(), Ok(()));
    });
}

#[test]
fn another_world_is_refused_and_told_of() {
    let mut groups = groups(2);
    groups[0].limits.rendezvous = Duration::from_millis(700);
    groups[1].world = 3;
    groups[1].rank = 2;
    let results = join_all(&groups);
    let told = error(&results[0]);
    assert!(told.starts_with("rank 1 (algo-2) did not come within 1 s: rank 2 of 127.0.0.1"), "{told}");
    assert!(told.ends_with("was refused: it counts 3 ranks, rank 0 counts 2"), "{told}");
    assert_eq!(
        error(&results[1]),
        "rank 0 (algo-1) does not let us join: it counts 3 ranks, rank 0 counts 2"
    );
}

#[test]
fn what_must_be_equal_is_told_on_all_ranks() {
    let mut groups = groups(3);
    groups[2].fingerprint = "ResNet-50".to_owned();
    let results = join_all(&groups);
    for result in &results {
        assert_eq!(
            error(result),
            "rank 2 (algo-3) has `ResNet-50`, rank 0 has `ResNet-18`: this must be equal on all ranks"
        );
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let group = groups(2).remove(0);
    let wrong = |change: fn(&mut Group)| {
        let mut group = group.clone();
        change(&mut group);
        error(&Ring::join(&group))
    };
    assert_eq!(
        wrong(|group| group.rank = 2),
        "cannot join the group: we are rank 2, but there are 2 ranks, from 0"
    );
    assert!(
        wrong(|group| group.interface = Some("ethwe".to_owned())).contains("no network interface `ethwe`")
    );
    assert!(wrong(|group| group.master = "algo-1".to_owned()).contains("must be `name:port`"));
    let taken = std::net::TcpListener::bind("[::]:0").unwrap();
    let mut busy = group.clone();
    busy.master = format!("localhost:{}", taken.local_addr().unwrap().port());
    let told = error(&Ring::join(&busy));
    assert!(told.contains("cannot listen on port") && told.contains("in use"), "{told}");
}

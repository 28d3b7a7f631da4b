//! Networks that break, wrong credentials, and what users are told.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::server::{SECRET, Server};
use super::{SMALL, remote, small_data, train};
use crate::harness::Told;

/// Passes bytes on to `port`, and cuts the first `cuts` answers that have come to 40,000 bytes.
fn flaky(port: u16, cuts: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, done) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let cut = Arc::clone(&done);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let cut = Arc::clone(&cut);
            thread::spawn(move || answer(server, client, &cut, cuts));
        }
    });
    (own, done)
}

fn answer(mut server: TcpStream, mut client: TcpStream, cut: &AtomicUsize, cuts: usize) {
    let (mut buffer, mut sent) = (vec![0; 20_000], 0);
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        sent += length;
        let is_cut = sent > 40_000
            && cut.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < cuts).then_some(n + 1)).is_ok();
        if is_cut || client.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn answers_that_break_off_are_asked_for_again() {
    let Some(server) = Server::start() else { return };
    small_data(&server);
    // A file of no known kind, which is passed over in training, but large enough to be cut off.
    fs::write(server.path("data/small/notes.bin"), vec![7; 3_000_000]).unwrap();
    let (port, cuts) = flaky(server.port, 3);
    let here = TempDir::new().unwrap();
    let mut command = remote(&server, here.path());
    command.env("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{port}"));
    let told: Told =
        command.args(["s3://data/small", "--output", "here"]).args(SMALL).output().unwrap().into();
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert_eq!(cuts.load(Ordering::SeqCst), 3);

    // One that always breaks is told, and ends.
    let (port, _) = flaky(server.port, usize::MAX);
    let mut command = remote(&server, here.path());
    command.env("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{port}"));
    let told: Told =
        command.args(["s3://data/small", "--output", "other"]).args(SMALL).output().unwrap().into();
    assert_eq!(told.code, 4, "{}{}", told.out, told.err);
    assert!(told.err.contains("s3://data/small/notes.bin: S3 cannot be reached"), "{}", told.err);
}

#[test]
fn what_s3_refuses_is_told_without_secrets() {
    let Some(server) = Server::start() else { return };
    small_data(&server);
    let here = TempDir::new().unwrap();
    let bucket = train(&server, here.path(), &["s3://nowhere/small", "--output", "a"]);
    assert!(bucket.err.contains("s3://nowhere/small/: NoSuchBucket"), "{}", bucket.err);
    let empty = train(&server, here.path(), &["s3://data/other", "--output", "a"]);
    assert!(empty.err.contains("s3://data/other/: there is nothing"), "{}", empty.err);
    let mut command = remote(&server, here.path());
    command.env("AWS_SECRET_ACCESS_KEY", format!("{SECRET}x"));
    let wrong: Told = command.args(["s3://data/small", "--output", "a"]).args(SMALL).output().unwrap().into();
    assert!(wrong.err.contains("SignatureDoesNotMatch"), "{}", wrong.err);
    for told in [bucket, empty, wrong] {
        assert_eq!(told.code, 2, "{}", told.err);
        assert!(!told.err.contains(SECRET) && !told.out.contains(SECRET), "{}{}", told.out, told.err);
    }
}

#[test]
fn without_credentials_it_ends_soon_and_says_what_is_missing() {
    let Some(server) = Server::start() else { return };
    let here = TempDir::new().unwrap();
    let mut command = remote(&server, here.path());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let clock = Instant::now();
    let told: Told = command.args(["s3://data/small", "--output", "a"]).args(SMALL).output().unwrap().into();
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("no AWS credentials: expected AWS_ACCESS_KEY_ID"), "{}", told.err);
    // An instance's metadata is asked once, and there is none here.
    assert!(clock.elapsed() < Duration::from_secs(5), "{:?}", clock.elapsed());
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let Some(server) = Server::start() else { return };
    let here = TempDir::new().unwrap();
    let mut command = remote(&server, here.path());
    // A port that nobody listens on.
    command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
    let told: Told = command.args(["s3://data/small", "--output", "a"]).args(SMALL).output().unwrap().into();
    assert_eq!(told.code, 4, "{}{}", told.out, told.err);
    assert!(told.err.contains("s3://data/small/: S3 cannot be reached"), "{}", told.err);
}

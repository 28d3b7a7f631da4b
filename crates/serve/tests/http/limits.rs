//! What clients may cost: requests, bytes, connections and time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use brazier_serve::{Configuration, Limits};

use crate::client::{Connection, head};
use crate::fixture::{Server, bomb, png, quick};

fn with(limits: Limits) -> Configuration {
    Configuration { limits, ..quick() }
}

/// A connection that has sent a whole request and not read the answer.
fn asked(server: &Server, body: &[u8]) -> Connection {
    let mut connection = Connection::open(server.address);
    connection.send(&[head("POST", "/invocations", &[], body.len()).as_bytes(), body].concat());
    connection
}

/// Reads until the server closes, and how long that took.
fn closed(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text);
    (String::from_utf8(text).unwrap(), begun.elapsed())
}

#[test]
fn more_than_may_wait_are_refused_at_once_and_the_rest_answered() {
    let server = Server::ready(with(Limits { waiting: 3, ..Limits::default() }));
    let gate = server.turn.take();
    let mut accepted: Vec<_> = (0..3).map(|_| asked(&server, &png(1))).collect();
    server.wait_for_metric("brazier_waiting 3");
    let begun = Instant::now();
    for _ in 0..5 {
        let refused = server.invoke(&[], &png(2));
        assert_eq!((refused.status, refused.code().as_str()), (429, "TOO_MANY_REQUESTS"));
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(server.ping().status, 200);
    drop(gate);
    for connection in &mut accepted {
        assert_eq!(connection.response(false).status, 200);
    }
    assert_eq!(server.invoke(&[], &png(2)).status, 200);
}

#[test]
fn a_request_whose_client_left_is_never_computed() {
    let server = Server::ready(quick());
    let gate = server.turn.take();
    let mut first = asked(&server, &png(1));
    server.wait_for_metric("brazier_waiting 1");
    let left: Vec<_> = (0..8).map(|_| asked(&server, &png(2))).collect();
    server.wait_for_metric("brazier_waiting 9");
    drop(left);
    server.wait_for_metric("brazier_clients_left_total 8");
    server.wait_for_metric("brazier_waiting 1");
    let mut last = asked(&server, &png(3));
    server.wait_for_metric("brazier_waiting 2");
    drop(gate);
    assert_eq!(first.response(false).status, 200);
    assert_eq!(last.response(false).status, 200);
    let metrics = server.metrics();
    assert!(metrics.contains("brazier_stage_seconds_count{stage=\"predict\"} 2"), "{metrics}");
    assert!(metrics.contains("brazier_batch_size_sum 2.0"), "{metrics}");
}

#[test]
fn an_answer_that_comes_too_late_is_an_error_in_time() {
    let server = Server::ready(with(Limits { deadline: Duration::from_millis(300), ..Limits::default() }));
    let gate = server.turn.take();
    let begun = Instant::now();
    let late = server.invoke(&[], &png(1));
    assert_eq!((late.status, late.code().as_str()), (503, "DEADLINE_EXCEEDED"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(late.header("retry-after"), Some("1"));
    drop(gate);
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn a_head_that_trickles_is_cut_off_while_others_are_answered() {
    let limits = Limits { head: Duration::from_millis(400), ..Limits::default() };
    let server = Server::ready(with(limits));
    let mut slow = TcpStream::connect(server.address).unwrap();
    let silent = TcpStream::connect(server.address).unwrap();
    let begun = Instant::now();
    let text = head("POST", "/invocations", &[("X-Slow", &"y".repeat(500))], 10);
    for byte in text.bytes() {
        std::thread::sleep(Duration::from_millis(20));
        if slow.write_all(&[byte]).is_err() {
            break;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(closed(slow).0, "");
    assert_eq!(closed(silent).0, "");
    server.wait_for_metric("brazier_rejected_total{reason=\"SLOW_HEAD\"} 1");
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn a_body_that_trickles_is_refused() {
    let limits = Limits { body: Duration::from_millis(300), ..Limits::default() };
    let server = Server::ready(with(limits));
    let mut slow = Connection::open(server.address);
    slow.send(head("POST", "/invocations", &[], 1000).as_bytes());
    slow.send(&[0; 10]);
    let refused = slow.response(false);
    assert_eq!((refused.status, refused.code().as_str()), (408, "SLOW_BODY"));
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn idle_connections_are_kept_for_a_while_and_then_closed() {
    let limits =
        Limits { idle: Duration::from_secs(2), head: Duration::from_millis(200), ..Limits::default() };
    let server = Server::ready(with(limits));
    let mut kept = Connection::open(server.address);
    for _ in 0..3 {
        assert_eq!(kept.request("POST", "/invocations", &[], &png(1)).status, 200);
        // Longer than a head may take: the two clocks are not one.
        std::thread::sleep(Duration::from_millis(500));
    }
    let (rest, waited) = closed(kept.into_stream());
    assert_eq!(rest, "");
    assert!(waited > Duration::from_secs(1) && waited < Duration::from_secs(20), "{waited:?}");
}

/// A connection that is kept open, once there is a place for it.
fn kept(server: &Server) -> Connection {
    loop {
        let mut connection = Connection::open(server.address);
        if connection.request("GET", "/ping", &[], b"").status == 200 {
            return connection;
        }
    }
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::ready(with(Limits { connections: 2, ..Limits::default() }));
    let mut busy: Vec<_> = (0..2).map(|_| kept(&server)).collect();
    for connection in &mut busy {
        connection.send(head("POST", "/invocations", &[], png(1).len()).as_bytes());
    }
    // The heads have to be read first, or the connections count as idle.
    std::thread::sleep(Duration::from_millis(200));
    let mut refused = Connection::open(server.address);
    let answer = refused.response(false);
    assert_eq!((answer.status, answer.code().as_str()), (503, "TOO_MANY_CONNECTIONS"));
    for connection in &mut busy {
        connection.send(&png(1));
        assert_eq!(connection.response(false).status, 200);
    }
    server.wait_for_metric("brazier_rejected_total{reason=\"TOO_MANY_CONNECTIONS\"} 1");
}

#[test]
fn idle_connections_make_room_for_one_that_asks() {
    let server = Server::ready(with(Limits { connections: 3, ..Limits::default() }));
    let (oldest, mut newer, mut newest) = (kept(&server), kept(&server), kept(&server));
    assert_eq!(server.ping().status, 200);
    let (rest, waited) = closed(oldest.into_stream());
    assert_eq!((rest.as_str(), waited < Duration::from_secs(10)), ("", true));
    // The place of the look is free again, so nobody else had to go.
    assert_eq!(newer.request("POST", "/invocations", &[], &png(1)).status, 200);
    assert_eq!(newest.request("POST", "/invocations", &[], &png(1)).status, 200);
}

#[test]
fn bodies_together_are_within_their_memory() {
    let server = Server::ready(with(Limits { bodies: 400_000, ..Limits::default() }));
    let mut half = Connection::open(server.address);
    half.send(head("POST", "/invocations", &[], 390_000).as_bytes());
    half.send(&vec![0; 380_000]);
    server.wait_for_metric("brazier_bodies_bytes 380000");
    let refused = server.invoke(&[], &vec![0; 100_000]);
    assert_eq!((refused.status, refused.code().as_str()), (429, "TOO_MANY_BYTES"));
    assert_eq!(server.invoke(&[], &png(1)).status, 200, "a small one always finds room");
    half.send(&[0; 10_000]);
    assert_eq!(half.response(false).status, 400, "it is no image, but it was let in");
    server.wait_for_metric("brazier_bodies_bytes 0");
    assert_eq!(server.invoke(&[], &vec![0; 100_000]).status, 400);
}

#[test]
fn an_image_of_too_many_pixels_costs_nothing() {
    let server = Server::ready(quick());
    // 40,000 x 40,000 pixels in some bytes.
    let begun = Instant::now();
    let refused = server.invoke(&[("Content-Type", "image/png")], &bomb());
    assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_IMAGE"));
    assert!(refused.body.contains("pixels"), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn who_does_not_read_is_let_go() {
    let limits = Limits { write: Duration::from_millis(300), ..Limits::default() };
    let server = Server::ready(with(limits));
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut writer = &stream;
    let begun = Instant::now();
    // Answers fill the buffers of both sides, after which the server takes nothing more, until it gives up.
    let request = head("GET", "/metrics", &[], 0).repeat(64);
    let ended = loop {
        match writer.write(request.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => break error.kind(),
            Ok(_) => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still connected");
    };
    assert!(matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended}");
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

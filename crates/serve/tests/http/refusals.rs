//! What a bad request gets, and that the next is none the worse.

use brazier_serve::Configuration;

use crate::client::{Connection, head};
use crate::fixture::{Server, png, quick};

#[test]
fn another_media_type_is_unsupported() {
    let server = Server::ready(quick());
    let answer = server.invoke(&[("Content-Type", "text/csv")], &png(1));
    assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    assert!(answer.body.contains("text/csv"), "{answer:?}");
}

#[test]
fn another_accept_is_not_acceptable() {
    let server = Server::ready(quick());
    let answer = server.invoke(&[("Accept", "text/csv")], &png(1));
    assert_eq!((answer.status, answer.code().as_str()), (406, "NOT_ACCEPTABLE"));
}

#[test]
fn what_is_no_image_spoils_nothing_after_it() {
    let server = Server::ready(quick());
    let mut connection = Connection::open(server.address);
    let good = connection.request("POST", "/invocations", &[], &png(1));
    let broken = &png(1)[..60];
    for (body, code) in [(&b"hello"[..], "INVALID_IMAGE"), (broken, "INVALID_IMAGE"), (b"", "EMPTY_BODY")] {
        let bad = connection.request("POST", "/invocations", &[("Content-Type", "image/png")], body);
        assert_eq!((bad.status, bad.code().as_str()), (400, code));
        let next = connection.request("POST", "/invocations", &[], &png(1));
        assert_eq!((next.status, &next.body), (200, &good.body));
    }
}

#[test]
fn a_body_above_the_limit_is_refused_on_a_connection_that_lives_on() {
    let server = Server::ready(Configuration { max_body: 10_000, ..quick() });
    let mut connection = Connection::open(server.address);
    let big = vec![0; 4 << 20];
    let refused = connection.request("POST", "/invocations", &[], &big);
    assert_eq!((refused.status, refused.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    assert!(refused.body.contains("10000"), "{refused:?}");
    assert_eq!(connection.request("POST", "/invocations", &[], &png(1)).status, 200);

    connection.send(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send(format!("{:x}\r\n", big.len()).as_bytes());
    connection.send(&big);
    connection.send(b"\r\n0\r\n\r\n");
    assert_eq!(connection.response(false).status, 413);
}

#[test]
fn other_paths_and_methods_say_what_there_is() {
    let server = Server::ready(quick());
    let mut connection = Connection::open(server.address);
    let missing = connection.request("GET", "/models", &[], b"");
    assert_eq!((missing.status, missing.code().as_str()), (404, "NOT_FOUND"));
    for (method, path) in [("GET", "/invocations"), ("DELETE", "/ping")] {
        let answer = connection.request(method, path, &[], b"");
        assert_eq!((answer.status, answer.code().as_str()), (405, "METHOD_NOT_ALLOWED"), "{method} {path}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "{answer:?}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_harms_nobody() {
    let server = Server::ready(quick());
    for _ in 0..8 {
        let mut connection = Connection::open(server.address);
        connection.send(head("POST", "/invocations", &[], png(1).len()).as_bytes());
        connection.send(&png(1)[..20]);
        drop(connection);
        let mut connection = Connection::open(server.address);
        connection.send(head("POST", "/invocations", &[], png(1).len()).as_bytes());
        connection.send(&png(1));
        drop(connection);
    }
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
    assert!(server.outcome().is_ok());
}

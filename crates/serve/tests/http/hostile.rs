//! Bytes that are no HTTP, or HTTP that means harm.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::client::{Connection, head};
use crate::fixture::{Server, png, quick};

/// Sends `bytes`, ends the sending side, and reads what comes.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may have had enough before all is sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn what_is_no_http_is_refused_or_dropped() {
    let server = Server::ready(quick());
    let long_line = [b"GET /".as_slice(), &[b'a'; 200_000], b" HTTP/1.1\r\n\r\n"].concat();
    let many = (0..500).map(|at| format!("X-{at}: y\r\n")).collect::<String>();
    let many = format!("GET /ping HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    let long_header = format!("GET /ping HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(200_000));
    let hostile: [(&[u8], &[&str]); 12] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &["400", ""]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["400", "505", ""]),
        (b"\0\0\0\0\0\0\0\0\r\n\r\n", &["400", ""]),
        (b"GET /ping HTTP/9.9\r\n\r\n", &["400", "505", ""]),
        (&long_line, &["414", "431", "400"]),
        (many.as_bytes(), &["431"]),
        (long_header.as_bytes(), &["431"]),
        (b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", &["400"]),
        (b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", &["400"]),
        (
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            &["400"],
        ),
        (b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nhello", &["400"]),
        (b"GET\r\n\r\n", &["400", ""]),
    ];
    for (bytes, expected) in hostile {
        let answer = exchange(&server, bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(expected.contains(&status(&answer)), "{shown:?}: {answer}");
    }
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn a_length_and_chunks_at_once_are_not_two_requests() {
    let server = Server::ready(quick());
    let smuggled =
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
        0\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = exchange(&server, smuggled);
    // RFC 9112, section 6.3: an error, or chunked wins and the connection closes. Never a body of 4 bytes.
    assert!(answer.matches("HTTP/1.1 ").count() <= 2, "{answer}");
    assert!(!answer.contains("INVALID_IMAGE"), "{answer}");
}

#[test]
fn broken_chunks_are_an_error_and_the_end_of_their_connection() {
    let server = Server::ready(quick());
    let start = "POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in
        ["zz\r\nhello\r\n", "5\r\nhelloworld\r\n", "ffffffffffffffffff\r\n", "-5\r\nhello\r\n", "5;"]
    {
        let answer = exchange(&server, format!("{start}{chunks}").as_bytes());
        assert!(["400", ""].contains(&status(&answer)), "{chunks:?}: {answer}");
    }
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn chunks_of_a_byte_with_an_extension_each_are_a_body() {
    let server = Server::ready(quick());
    let mut connection = Connection::open(server.address);
    let whole = connection.request("POST", "/invocations", &[], &png(1));
    connection.send(b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for byte in png(1) {
        connection.send(&[b"1;x=y\r\n".as_slice(), &[byte], b"\r\n"].concat());
    }
    connection.send(b"0\r\nTrailer: z\r\n\r\n");
    let answer = connection.response(false);
    assert_eq!((answer.status, answer.body), (200, whole.body));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::ready(quick());
    let wanted: Vec<String> = (1..=4).map(|number| server.invoke(&[], &png(number)).body).collect();
    let mut all = Vec::new();
    for number in 1..=4 {
        all.extend(head("POST", "/invocations", &[], png(number).len()).into_bytes());
        all.extend(png(number));
        all.extend(head("GET", "/ping", &[], 0).into_bytes());
    }
    let mut connection = Connection::open(server.address);
    connection.send(&all);
    for body in wanted {
        let answer = connection.response(false);
        assert_eq!((answer.status, &answer.body), (200, &body));
        assert_eq!(connection.response(false).status, 200);
    }
}

#[test]
fn a_body_cut_short_harms_nobody() {
    let server = Server::ready(quick());
    let png = png(1);
    for sent in [0, 1, png.len() / 2, png.len() - 1] {
        let head = head("POST", "/invocations", &[], png.len());
        let answer = exchange(&server, &[head.as_bytes(), &png[..sent]].concat());
        assert!(["400", ""].contains(&status(&answer)), "{sent}: {answer}");
    }
    assert_eq!(server.invoke(&[], &png).status, 200);
}

#[test]
fn every_damaged_image_is_refused_or_answered_but_never_kills() {
    let server = Server::ready(quick());
    let png = png(1);
    let mut connection = Connection::open(server.address);
    for at in 0..png.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = png.clone();
            damaged[at] ^= flip;
            let answer = connection.request("POST", "/invocations", &[], &damaged);
            assert!([200, 400].contains(&answer.status), "byte {at}: {answer:?}");
        }
        let answer = connection.request("POST", "/invocations", &[], &png[..at]);
        assert!([200, 400].contains(&answer.status), "cut at {at}: {answer:?}");
    }
    assert_eq!(server.invoke(&[], &png).status, 200);
}

//! Stopping under load.

use std::net::SocketAddr;
use std::time::Duration;

use brazier_serve::Configuration;

use crate::client::{Connection, Response};
use crate::fixture::{Server, png, quick};

/// How often a server is stopped; each time at another moment of its requests.
const STOPS: u64 = 12;

/// Whether the server asks for connections elsewhere from now on, as a front end would understand it.
fn is_last(answer: &Response) -> bool {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("connection") == Some("close")
}

/// Asks over one connection until told to stop; answers, each of which must come.
fn keep_asking(address: SocketAddr) -> usize {
    let mut connection = Connection::open(address);
    let answered = (1..).find(|_| is_last(&connection.request("POST", "/invocations", &[], &png(1))));
    answered.unwrap()
}

/// As [`keep_asking`], over a new connection each time.
fn ask_anew(address: SocketAddr) -> usize {
    let ask = || Connection::open(address).request("POST", "/invocations", &[], &png(2));
    (1..).find(|_| is_last(&ask())).unwrap()
}

#[test]
fn no_accepted_request_is_lost_by_stopping() {
    for stop in 0..STOPS {
        // Long enough for every client to hear of it, however busy the machine is.
        let mut server = Server::ready(Configuration { linger: Duration::from_millis(500), ..quick() });
        let address = server.address;
        let clients: Vec<_> = (0..6)
            .map(|at| {
                std::thread::spawn(move || if at % 2 == 0 { keep_asking(address) } else { ask_anew(address) })
            })
            .collect();
        std::thread::sleep(Duration::from_micros(20_000 + stop * 1_370));
        server.stop();
        let answered: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert!(answered >= 6, "{answered}");
        assert!(server.outcome().is_ok());
    }
}

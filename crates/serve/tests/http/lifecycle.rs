//! Before the model is there, at shutdown, when loading fails.

use std::error::Error;
use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use brazier_model::artifact;
use brazier_serve::{Configuration, LoadError, PredictError, ServeError};

use crate::client::{Connection, head};
use crate::fixture::{Server, files, load, model, png, quick, weights, write};

#[test]
fn the_port_is_open_before_the_model_is_there() {
    let (open, gate) = channel();
    let folder = model();
    let server = Server::start(quick(), move || {
        gate.recv().unwrap();
        load(folder.path())
    });
    let early = server.ping();
    assert_eq!((early.status, early.code().as_str()), (503, "MODEL_LOADING"));
    let early = server.invoke(&[], &png(1));
    assert_eq!((early.status, early.code().as_str()), (503, "MODEL_LOADING"));
    open.send(()).unwrap();
    server.wait_until_ready();

    let mut connection = Connection::open(server.address);
    for method in ["GET", "HEAD", "POST"] {
        let ping = connection.request(method, "/ping", &[], b"");
        assert_eq!((ping.status, ping.body.as_str()), (200, ""), "{method}");
    }
    assert_eq!(server.invoke(&[], &png(1)).status, 200);
}

#[test]
fn a_server_that_is_still_loading_stops_when_told() {
    let (_open, gate) = channel::<()>();
    let server = Server::start(quick(), move || {
        let _ = gate.recv();
        panic!("stopped before");
    });
    assert_eq!(server.ping().status, 503);
    assert!(server.outcome().is_ok());
}

#[test]
fn a_model_that_cannot_be_loaded_ends_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files();
    files.remove(&artifact::params_file(2)).unwrap();
    write(&files, folder.path());
    let error = Server::start(quick(), move || load(folder.path())).ended().unwrap_err();
    assert!(error.to_string().contains("cannot load the model"), "{error}");
    assert!(error.source().unwrap().to_string().contains("image-classification-NNNN.params"));
}

#[test]
fn weights_that_answer_nan_are_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files();
    files.insert(artifact::params_file(2), weights(f32::NAN));
    write(&files, folder.path());
    let error = Server::start(quick(), move || load(folder.path())).ended().unwrap_err();
    let ServeError::Engine(brazier_serve::EngineFailure::Load(error)) = error else { panic!("{error}") };
    assert!(matches!(*error, LoadError::WarmUp(PredictError::NotFinite { .. })), "{error}");
}

#[test]
fn a_request_in_flight_is_finished_while_ping_says_no() {
    let mut server = Server::ready(Configuration { linger: Duration::from_secs(1), ..quick() });
    let mut connection = Connection::open(server.address);
    let body = png(1);
    connection.send(head("POST", "/invocations", &[("Expect", "100-continue")], body.len()).as_bytes());
    // From here on the server waits for the body.
    assert_eq!(connection.response_head().0, 100);
    connection.send(&body[..30]);
    server.stop();
    let mut ping = server.ping();
    while ping.status == 200 {
        ping = server.ping();
    }
    assert_eq!((ping.status, ping.code().as_str()), (503, "SHUTTING_DOWN"));
    // The rest comes after the port is closed.
    while TcpStream::connect(server.address).is_ok() {
        std::thread::yield_now();
    }
    connection.send(&body[30..]);
    let answer = connection.response(false);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json().as_array().unwrap().len(), 3);
    assert!(server.outcome().is_ok());
}

#[test]
fn idle_connections_do_not_delay_the_end_and_the_grace_bounds_the_rest() {
    let server = Server::ready(quick());
    let mut used = Connection::open(server.address);
    used.request("GET", "/ping", &[], b"");
    let mut unused = TcpStream::connect(server.address).unwrap();
    let began = Instant::now();
    assert!(server.outcome().is_ok());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(unused.read(&mut [0]).unwrap_or(0), 0);

    let server = Server::ready(Configuration { grace: Duration::from_millis(100), ..quick() });
    let mut stalled = Connection::open(server.address);
    stalled.send(head("POST", "/invocations", &[("Expect", "100-continue")], 1000).as_bytes());
    assert_eq!(stalled.response_head().0, 100);
    let began = Instant::now();
    assert!(server.outcome().is_ok());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_default_accept_that_means_nothing_is_refused_at_once() {
    let configuration = Configuration { default_accept: Some("text/csv".into()), ..quick() };
    let folder = model();
    let error = Server::start(configuration, move || load(folder.path())).ended().unwrap_err();
    assert!(error.to_string().contains("'text/csv'"), "{error}");
}

//! What HTTP and decoding add to the network's time, for a digit over one connection.
//!
//!     cargo bench --workspace --bench overhead
//!
//! A ResNet-20 answers 28x28 PNGs one after the other; of each answer's time at the client, what the network took (as
//! the answer's `Server-Timing` says) is left out. Beside it, in turn with the answers, a bare exchange of as many bytes over
//! loopback between two threads: what sockets and wake-ups cost before any HTTP. Asked: less than 150 microseconds in the
//! median.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use brazier_image::{InputShape, Pixels, Preprocess, encode};
use brazier_model::metadata::{self, Metadata};
use brazier_model::{Layout, ResNet, artifact, initial};
use brazier_serve::server::runtime;
use brazier_serve::{Configuration, Engine, Predictor, serve};
use burn::tensor::Device;
use tokio::sync::oneshot;

const REQUESTS: usize = 2000;
const SHAPE: InputShape = InputShape::new(1, 28, 28);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files() {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let path = folder.path().to_owned();
    let server = std::thread::spawn(move || {
        runtime().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let engine = Engine::start(move || Predictor::load(&path, &Device::flex()));
            serve(listener, engine, Configuration::default(), async { drop(stopped.await) }).await
        })
    });
    measure(address);
    drop(stop);
    server.join().unwrap().unwrap();
}

fn measure(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = request();
    while !ask(&mut stream, &request).starts_with("HTTP/1.1 200") {}
    let mut times: [Vec<f64>; 6] = Default::default();
    let (mut echo, answer_len) = (echo(), ask(&mut stream, &request).len());
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        let answer = ask(&mut stream, &request);
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let [predict, decode, wait, total] =
            ["predict;", "decode;", "predict-wait;", "total;"].map(|name| stage(&answer, name));
        let begun = Instant::now();
        exchange(&mut echo, request.len().max(answer_len));
        let bare = begun.elapsed().as_secs_f64() * 1e3;
        for (times, time) in times.iter_mut().zip([took, took - predict, decode, wait, took - total, bare]) {
            times.push(time);
        }
    }
    let [whole, added, decode, wait, outside, bare] = times.map(median);
    println!("answer   {whole:>7.3} ms");
    println!("overhead {added:>7.3} ms (asked: < 0.150)");
    println!("a bare exchange {bare:.3} ms, so {:.3} ms beyond it", added - bare);
    println!(
        "of it: decoding {decode:.3}, until the network's thread is there {wait:.3}, outside the server {outside:.3}"
    );
}

/// A connection to a thread that sends back what it gets.
fn echo() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut other, _) = listener.accept().unwrap();
    other.set_nodelay(true).unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = other.read(&mut bytes) {
            other.write_all(&bytes[..read]).unwrap();
        }
    });
    stream
}

/// `len` bytes there and back.
fn exchange(stream: &mut TcpStream, len: usize) {
    let mut bytes = [0; 4096];
    stream.write_all(&bytes[..len]).unwrap();
    stream.read_exact(&mut bytes[..len]).unwrap();
}

/// Milliseconds of a stage, as the answer's head says.
fn stage(answer: &str, name: &str) -> f64 {
    let timing = answer.lines().find(|line| line.starts_with("server-timing")).unwrap();
    let stage = timing.split([' ', ':']).find(|part| part.starts_with(name)).unwrap();
    stage.trim_end_matches(',').rsplit_once('=').unwrap().1.parse().unwrap()
}

/// An answer is small and comes in one piece.
fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap();
    String::from_utf8(answer[..read].to_vec()).unwrap()
}

fn request() -> Vec<u8> {
    let pixels =
        (0..28 * 28).map(|at: u32| if (at % 28).abs_diff(14) < 3 { 250 - (at % 7) as u8 } else { 0 });
    let body = encode::png(&Pixels::new(28, 28, 1, pixels.collect()).unwrap()).unwrap();
    let head = format!("POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat()
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let shape = [1, 28, 28];
    let layout = Layout::resnet(20, shape, 10).unwrap();
    let network = initial::initialise(ResNet::new(&layout, &Device::flex()), &layout.head, 1);
    let metadata = Metadata {
        schema: metadata::SCHEMA,
        brazier_version: "0".into(),
        class_names: None,
        preprocessing: serde_json::to_value(Preprocess::center_crop(SHAPE, None)).unwrap(),
        hyperparameters: BTreeMap::new(),
        metrics: BTreeMap::new(),
        epoch: 0,
    };
    BTreeMap::from([
        (artifact::params_file(0), artifact::encode_params(&network, &layout).unwrap()),
        (artifact::SYMBOL_FILE.into(), artifact::encode_symbol(&layout)),
        (artifact::SHAPES_FILE.into(), artifact::encode_shapes(1, shape)),
        (metadata::FILE.into(), metadata.encode().unwrap()),
    ])
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! `serve`, asked over a socket, and `predict`, which must agree with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use brazier_checkpoint::archive::{Limits, open, pack};
use serde_json::Value;

use crate::harness::{CLASSES, SIDE, brazier, image, npy, run, trained};

/// A running `brazier serve`, ended with the test.
pub struct Server {
    process: Child,
    address: String,
    /// What it says after the first line; read to the end, so that it never waits for a reader.
    log: Option<JoinHandle<String>>,
}

impl Server {
    pub fn start(model: &Path, environment: &[(&str, &str)]) -> Self {
        let (mut server, mut said, line) = Self::listening(model, environment);
        server.log = Some(thread::spawn(move || {
            let mut log = line;
            said.read_to_string(&mut log).unwrap();
            log
        }));
        server.wait_until_ready();
        server
    }

    /// A server that says where it listens to a reader who need not go on reading.
    pub fn listening(model: &Path, environment: &[(&str, &str)]) -> (Self, BufReader<ChildStderr>, String) {
        let mut process = brazier()
            .args(["serve", "--host", "127.0.0.1", "--port", "0", "--model"])
            .arg(model)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").expect(&line).1;
        let address = address.trim_end_matches("\"}").to_owned();
        (Server { process, address, log: None }, said, line)
    }

    pub fn wait_until_ready(&self) {
        let start = Instant::now();
        while self.ask("GET", "/ping", &[], &[]).0 != 200 {
            assert!(start.elapsed() < Duration::from_secs(60), "never ready");
            thread::yield_now();
        }
    }

    /// The whole answer to a request on a connection of its own.
    pub fn exchange(
        address: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        while !whole(&answer) {
            let mut part = [0; 65536];
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "cut off after {:?}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..read]);
        }
        String::from_utf8(answer).unwrap()
    }

    /// Status and body.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let answer = Self::exchange(&self.address, method, path, headers, body);
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub fn classify(&self, image: &[u8]) -> (u16, String) {
        self.ask("POST", "/invocations", &[("Content-Type", "application/x-image")], image)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The exit code after SIGTERM.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.process.wait().unwrap().code()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    /// All that an ended server has said.
    pub fn log(&mut self) -> String {
        self.log.take().unwrap().join().unwrap()
    }
}

/// Whether an answer has the body that its `Content-Length` promises.
fn whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    answer.len() >= head.len() + 4 + length.map_or(0, |length| length.trim().parse().unwrap())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn probabilities(text: &str) -> Vec<f64> {
    serde_json::from_str(text).expect(text)
}

#[test]
fn an_image_is_answered_with_one_probability_a_class() {
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[]);
    for content_type in ["application/x-image", "image/png", "IMAGE/JPEG; q=1"] {
        let (status, body) =
            server.ask("POST", "/invocations", &[("Content-Type", content_type)], &image(2, 5));
        assert_eq!(status, 200, "{body}");
        let answer = probabilities(&body);
        assert_eq!(answer.len(), CLASSES.len());
        assert!((answer.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{body}");
    }
    let accept = [("Content-Type", "image/png"), ("Accept", "application/jsonlines")];
    let (status, body) = server.ask("POST", "/invocations", &accept, &image(2, 5));
    let line: Value = serde_json::from_str(&body).expect(&body);
    assert_eq!((status, line["prediction"].as_array().map(Vec::len)), (200, Some(CLASSES.len())));
}

#[test]
fn bad_bodies_are_refused_in_json_and_the_server_lives_on() {
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[]);
    let png = image(0, 1);
    let kinds: [(&[u8], &str, u16); 4] = [
        (b"no image", "application/x-image", 400),
        (b"", "application/x-image", 400),
        (&png[..png.len() / 2], "image/png", 400),
        (b"1,2,3", "text/csv", 415),
    ];
    for (body, content_type, expected) in kinds {
        let (status, answer) = server.ask("POST", "/invocations", &[("Content-Type", content_type)], body);
        assert_eq!(status, expected, "{answer}");
        let error: Value = serde_json::from_str(&answer).expect(&answer);
        assert!(error["error"]["message"].is_string(), "{answer}");
    }
    let (status, _) = server.ask("GET", "/nowhere", &[], &[]);
    assert_eq!(status, 404);
    assert_eq!(server.classify(&png).0, 200);
}

#[test]
fn a_packed_model_a_folder_and_predict_all_give_the_same_answer() {
    let tree = trained();
    let model = tree.path("model");
    let packed = tree.path("model.tar.gz");
    pack(&open(&model, &Limits::default()).unwrap(), &packed).unwrap();
    let png = tree.path("asked.png");
    fs::write(&png, image(1, 7)).unwrap();
    let from = |model: &Path| Server::start(model, &[]).classify(&image(1, 7)).1;
    let answer = from(&model);
    assert_eq!(answer, from(&packed));

    let told = run(["predict", "--json", "--model", packed.to_str().unwrap(), png.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}", told.err);
    let line: Value = serde_json::from_str(&told.out).expect(&told.out);
    let ours: Vec<f64> = serde_json::from_value(line["probabilities"].clone()).unwrap();
    for (ours, theirs) in ours.iter().zip(probabilities(&answer)) {
        assert!((ours - theirs).abs() < 1e-6, "{told}: {answer}", told = told.out);
    }
    assert_eq!(line["file"], png.to_str().unwrap());
    let label = line["label"].as_u64().unwrap() as usize;
    assert_eq!(line["class"], CLASSES[label]);
    assert!(ours.iter().all(|&other| other <= ours[label]), "{}", told.out);
}

#[test]
fn predict_reads_numpy_arrays_row_by_row() {
    let tree = trained();
    let model = tree.path("model");
    let (one, two) = (image(0, 2), image(2, 9));
    let mut pixels = Vec::new();
    let mut files = Vec::new();
    for (number, encoded) in [one, two].iter().enumerate() {
        let decoded = brazier_image::decode(encoded, 1, &brazier_image::Limits::default()).unwrap();
        pixels.extend(decoded.into_data());
        let file = tree.path(&format!("{number}.png"));
        fs::write(&file, encoded).unwrap();
        files.push(file.to_str().unwrap().to_owned());
    }
    let array = tree.path("images.npy");
    fs::write(&array, npy(&[2, 1, SIDE as usize, SIDE as usize], &pixels)).unwrap();
    let by_array = run(["predict", "--model", model.to_str().unwrap(), "--npy", array.to_str().unwrap()]);
    assert_eq!(by_array.code, 0, "{}", by_array.err);
    let by_file = run(["predict", "--json", "--model", model.to_str().unwrap(), &files[0], &files[1]]);
    let rows = |text: &str| -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["probabilities"].take())
            .collect()
    };
    assert_eq!(rows(&by_array.out).len(), 2);
    assert_eq!(rows(&by_array.out), rows(&by_file.out));

    fs::write(&array, npy(&[2, 1, 4, 16], &pixels)).unwrap();
    let told = run(["predict", "--model", model.to_str().unwrap(), "--npy", array.to_str().unwrap()]);
    assert_eq!(told.code, 2);
    assert!(told.err.contains("[2, 1, 4, 16]") && told.err.contains("[N, 1, 8, 8]"), "{}", told.err);
}

#[test]
fn batch_transform_is_answered_with_objects() {
    let tree = trained();
    let server = Server::start(&tree.path("model"), &[("SAGEMAKER_BATCH", "True")]);
    let (status, body) = server.classify(&image(0, 1));
    let answer: Value = serde_json::from_str(&body).expect(&body);
    assert_eq!((status, answer["prediction"].as_array().map(Vec::len)), (200, Some(CLASSES.len())));
}

#[test]
fn sigterm_ends_the_server_with_exit_code_0() {
    let tree = trained();
    let mut server = Server::start(&tree.path("model"), &[]);
    assert_eq!(server.terminate(), Some(0));
}

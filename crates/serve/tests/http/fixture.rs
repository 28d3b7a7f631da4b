//! A tiny model, images, and a server in this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use brazier_image::{InputShape, Pixels, Preprocess, encode};
use brazier_model::layout::Output;
use brazier_model::metadata::{self, Metadata};
use brazier_model::native;
use brazier_model::parameters::{self, Kind, Map};
use brazier_model::{Layout, ResNet, artifact, initial};
use brazier_serve::{Configuration, Engine, Hosted, LoadError, Models, Predictor, ServeError, Turn, serve};
use burn::tensor::{Device, Tensor};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::client::{Connection, Response};

pub const SHAPE: InputShape = InputShape::new(1, 12, 12);
pub const CLASSES: [&str; 3] = ["cat", "dog \"Rex\"", "Vögel"];

/// The files of an untrained ResNet-20 for three classes, with its logits brought to where softmax is soft: else
/// every image would get the same answer.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    files_with(Output::Softmax)
}

/// As [`files`], with the last layer that `output` says.
pub fn files_with(output: Output) -> BTreeMap<String, Vec<u8>> {
    let layout = Layout::resnet(20, [1, 12, 12], CLASSES.len()).unwrap().with_output(output);
    BTreeMap::from([
        (artifact::params_file(2), weights(0.002)),
        (artifact::SYMBOL_FILE.into(), artifact::encode_symbol(&layout)),
        (artifact::SHAPES_FILE.into(), artifact::encode_shapes(32, [1, 12, 12])),
        (metadata::FILE.into(), metadata(Preprocess::center_crop(SHAPE, None)).encode().unwrap()),
    ])
}

/// The weights' file, those of the last layer multiplied by `factor`.
pub fn weights(factor: f32) -> Vec<u8> {
    let layout = Layout::resnet(20, [1, 12, 12], CLASSES.len()).unwrap();
    let network = initial::initialise(ResNet::new(&layout, &Device::flex()), &layout.head, 7);
    let network = parameters::map(network, &layout.head, &mut ScaleHead(factor));
    artifact::encode_params(&network, &layout).unwrap()
}

struct ScaleHead(f32);

impl Map for ScaleHead {
    fn tensor<const D: usize>(&mut self, name: &str, _: Kind, value: Tensor<D>) -> Tensor<D> {
        if name == "fc1_weight" { value.mul_scalar(self.0) } else { value }
    }
}

pub fn metadata(preprocessing: Preprocess) -> Metadata {
    Metadata {
        schema: metadata::SCHEMA,
        brazier_version: "0".into(),
        class_names: Some(CLASSES.map(String::from).to_vec()),
        preprocessing: serde_json::to_value(preprocessing).unwrap(),
        hyperparameters: BTreeMap::new(),
        metrics: BTreeMap::new(),
        epoch: 2,
    }
}

pub fn write(files: &BTreeMap<String, Vec<u8>>, folder: &Path) {
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
}

/// A folder with [`files`].
pub fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&files(), folder.path());
    folder
}

pub fn load(path: &Path) -> Result<Predictor, LoadError> {
    Predictor::load(path, &Device::flex())
}

/// A grey PNG of 12 x 12 pixels that `number` makes unlike all others.
pub fn png(number: u8) -> Vec<u8> {
    let pixels = (0..144_u32).map(|at| (at * (u32::from(number) * 37 + 11) % 251) as u8).collect();
    encode::png(&Pixels::new(12, 12, 1, pixels).unwrap()).unwrap()
}

/// What the predictor says of [`png`] `number`.
pub fn expected(predictor: &Predictor, number: u8) -> Vec<f32> {
    let pixels = predictor.preprocess(&png(number)).unwrap();
    predictor.predict(pixels, 1).unwrap().remove(0)
}

/// The list in `found` is `expected`, as near as sums in another order are.
pub fn assert_near(found: &serde_json::Value, expected: &[f32]) {
    let found: Vec<f64> = found.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - f64::from(*expected)).abs() < 1e-5, "{found} is not {expected}");
    }
}

/// A PNG of 40,000 x 40,000 pixels, as its header says, in 57 bytes.
pub fn bomb() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let content = [&kind[..], data].concat();
        let length = (data.len() as u32).to_be_bytes();
        [&length[..], &content, &crc32fast::hash(&content).to_be_bytes()].concat()
    };
    let side = 40_000_u32.to_be_bytes();
    let header = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", b""), chunk(b"IEND", b"")]
        .concat()
}

/// A server on a port of its own.
pub struct Server {
    pub address: SocketAddr,
    /// Nothing is computed while a test holds it.
    pub turn: Turn,
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub fn start(
        configuration: Configuration,
        load: impl FnOnce() -> Result<Predictor, LoadError> + Send + 'static,
    ) -> Self {
        Server::of(configuration, Engine::start(load))
    }

    /// A server of several models, none of them loaded.
    pub fn of_many(configuration: Configuration, limit: u64) -> Self {
        Server::of(configuration, Models::new(Device::flex(), native::Format::Float32, limit))
    }

    fn of(configuration: Configuration, hosted: impl Into<Hosted>) -> Self {
        let hosted = hosted.into();
        let turn = hosted.turn().clone();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(listener, hosted, configuration, async { drop(stopped.await) }).await
            })
        });
        Server { address, turn, stop: Some(stop), thread }
    }

    /// A server of [`model`], once it is ready.
    pub fn ready(configuration: Configuration) -> Self {
        let folder = model();
        let server = Server::start(configuration, move || load(folder.path()));
        server.wait_until_ready();
        server
    }

    pub fn wait_until_ready(&self) {
        while self.ping().status != 200 {
            std::thread::yield_now();
        }
    }

    pub fn ping(&self) -> Response {
        Connection::open(self.address).request("GET", "/ping", &[], b"")
    }

    pub fn invoke(&self, headers: &[(&str, &str)], body: &[u8]) -> Response {
        Connection::open(self.address).request("POST", "/invocations", headers, body)
    }

    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Response {
        Connection::open(self.address).request(method, path, &[], body)
    }

    pub fn metrics(&self) -> String {
        self.ask("GET", "/metrics", b"").body
    }

    /// Waits until `line` is among the metrics.
    pub fn wait_for_metric(&self, line: &str) {
        let begun = Instant::now();
        loop {
            let metrics = self.metrics();
            if metrics.lines().any(|found| found == line) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "never '{line}':\n{metrics}");
        }
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// What [`serve`] returns of itself.
    pub fn ended(self) -> Result<(), ServeError> {
        self.thread.join().unwrap()
    }

    /// What [`serve`] returns when told to stop.
    pub fn outcome(mut self) -> Result<(), ServeError> {
        self.stop();
        self.ended()
    }
}

/// Nothing but the shutdown itself takes time.
pub fn quick() -> Configuration {
    Configuration { linger: Duration::ZERO, ..Configuration::default() }
}

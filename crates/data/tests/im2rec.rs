//! Lists and records equal those that MXNet's own `im2rec.py` makes; `tests/golden/formats/make_im2rec.py` ran it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "im2rec/errors.rs"]
mod errors;
#[path = "im2rec/lists.rs"]
mod lists;
#[path = "im2rec/mxnet.rs"]
mod mxnet;
#[path = "im2rec/records.rs"]
mod records;

use std::path::{Path, PathBuf};

use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/formats").join(name)
}

/// A section of `im2rec.json`.
fn expected(section: &str) -> Value {
    let bytes = std::fs::read(golden("im2rec.json")).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()[section].take()
}

fn strings(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

fn bytes(values: &Value) -> Vec<u8> {
    values.as_array().unwrap().iter().map(|value| value.as_u64().unwrap() as u8).collect()
}

/// Writes a file with the folders above it.
fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

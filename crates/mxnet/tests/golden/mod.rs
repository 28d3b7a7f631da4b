//! Files that MXNet 1.9.1 wrote, and what the script that made them says they hold.

#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

/// A golden file's bytes.
pub fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/formats");
    std::fs::read(folder.join(name)).unwrap()
}

/// A section of `expected.json`.
pub fn expected(section: &str) -> Value {
    serde_json::from_slice::<Value>(&file("expected.json")).unwrap()[section].take()
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

//! A checkpoint that is read is the one that was written. Checksums are taken for right here, so that what is behind them is reached.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use brazier_checkpoint::state;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let read = |bytes: &[u8]| state::read_from::<Value>(bytes, bytes.len() as u64, Path::new("checkpoint"));
    let Ok((found, sections)) = read(bytes) else { return };
    let path = std::env::temp_dir().join(format!("brazier-fuzz-{}.checkpoint", std::process::id()));
    state::write(&path, &found, borrowed(&sections)).unwrap();
    let written = std::fs::read(&path).unwrap();
    assert_eq!(read(&written).unwrap(), (found, sections));
});

fn borrowed(sections: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&str, &[u8])> {
    sections.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
}

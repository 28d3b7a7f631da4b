//! An archive from a stranger gives flat names within the limits, whatever is in it, and what it gives packs and unpacks the same.
#![no_main]

use std::path::Path;

use brazier_checkpoint::archive::{Files, Limits, pack, unpack};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { entries: 20, entry_bytes: 1 << 20, total_bytes: 2 << 20 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(files) = unpack(bytes, Path::new("model.tar.gz"), &LIMITS, |_| true) else { return };
    assert!(files.len() <= LIMITS.entries);
    assert!(files.values().map(|content| content.len() as u64).sum::<u64>() <= LIMITS.total_bytes);
    for name in files.keys() {
        assert!(!name.is_empty() && !name.contains('/') && name != ".." && name != ".", "{name}");
    }
    again(&files);
});

/// Packs to the same files.
fn again(files: &Files) {
    // Longer names would take an extension of the format.
    if files.keys().any(|name| name.len() > 99 || name.contains('\0')) {
        return;
    }
    let path = std::env::temp_dir().join(format!("brazier-fuzz-{}.tar.gz", std::process::id()));
    pack(files, &path).unwrap();
    let packed = std::fs::read(&path).unwrap();
    assert_eq!(unpack(packed.as_slice(), &path, &Limits::default(), |_| true).unwrap(), *files);
}

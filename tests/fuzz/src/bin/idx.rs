//! An index reads the same after it was written again.
#![no_main]

use brazier_mxnet::idx::{parse, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = parse(bytes) else { return };
    let mut written = Vec::new();
    write(&entries, &mut written).unwrap();
    assert_eq!(parse(&written).unwrap(), entries);
});

//! Lines of a list that can be read can be written, and read the same but for decimals after the sixth.
#![no_main]

use brazier_mxnet::lst::{lines, parse, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let entries: Vec<_> = lines(bytes).flatten().collect();
    let mut written = Vec::new();
    write(&entries, &mut written).unwrap();
    let again = parse(&written).unwrap();
    assert_eq!(again.len(), entries.len());
    for (again, entry) in again.iter().zip(&entries) {
        assert_eq!((again.index, &again.path), (entry.index, &entry.path));
    }
    let mut twice = Vec::new();
    write(&again, &mut twice).unwrap();
    assert_eq!(twice, written);
    if let Ok(parsed) = parse(bytes) {
        assert_eq!(parsed, entries);
    }
});

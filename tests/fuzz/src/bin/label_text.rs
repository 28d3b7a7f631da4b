//! Labels as text: what is read is a list of finite numbers, and the same when it is written as JSON.
#![no_main]

use brazier_data::labels::parse_text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(labels) = parse_text(bytes) else { return };
    assert!(labels.iter().all(|label| label.is_finite()));
    let numbers: Vec<String> = labels.iter().map(|label| format!("{label:?}")).collect();
    assert_eq!(parse_text(format!("[{}]", numbers.join(", ")).as_bytes()).unwrap(), labels);
});

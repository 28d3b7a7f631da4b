//! An image record is written again as it was, but for the header's label beside a vector, which is written as zero.
#![no_main]

use brazier_mxnet::image_record::ImageRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = ImageRecord::parse(bytes) else { return };
    assert_eq!(record.label.len() as u32, record.flag.max(1));
    let mut expected = bytes.to_vec();
    if record.flag > 0 {
        expected[4..8].fill(0);
    }
    assert_eq!(record.encode(), expected);
});

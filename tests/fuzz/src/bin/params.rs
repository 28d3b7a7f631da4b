//! Arrays of any layout are the same after they were written again in the newest.
#![no_main]

use brazier_mxnet::params::Params;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(params) = Params::read(bytes) else { return };
    for (_, array) in &params.0 {
        assert_eq!(array.elements().unwrap() * array.dtype.size(), array.data.len());
        let _ = array.to_f32();
    }
    let mut written = Vec::new();
    params.write(&mut written).unwrap();
    assert_eq!(Params::read(&written).unwrap(), params);
});

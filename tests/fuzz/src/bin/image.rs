//! Images, the bytes after one for the channels, decode within their limits, to the size their header says, and are the same after PNG.
#![no_main]

use brazier_image::{Limits, decode, encode, probe};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_bytes: 1 << 16, max_pixels: 1 << 16, max_allocation: 1 << 20 };

/// Panics of other people's decoders are errors to our callers; libFuzzer's hook would end the process before.
fn shelter() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let is_theirs = info.location().is_some_and(|place| place.file().contains("/registry/src/"));
        if is_theirs {
            eprintln!("{info}");
        } else {
            hook(info);
        }
    }));
}

fuzz_target!(init: shelter(), |bytes: &[u8]| {
    let [grey, bytes @ ..] = bytes else { return };
    let channels = if grey & 1 == 1 { 1 } else { 3 };
    let Ok(pixels) = decode(bytes, channels, &LIMITS) else { return };
    let (width, height) = (pixels.width(), pixels.height());
    assert!(u64::from(width) * u64::from(height) <= LIMITS.max_pixels);
    let probe = probe(bytes).unwrap();
    let sizes = [(probe.width, probe.height), (probe.height, probe.width)];
    assert!(sizes.contains(&(width, height)));
    let again = decode(&encode::png(&pixels).unwrap(), channels, &Limits::default()).unwrap();
    assert_eq!(again, pixels);
    encode::jpeg(&pixels, 90).unwrap();
});

//! A panic is a defect of ours: it is told as an error, in one line, where users look for errors.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use anyhow::anyhow;

/// Where the last panic happened and what it said.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics from printing by themselves; [`caught`] tells them.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!(" at {}:{}", shortened(place.file()), place.line()));
        let what = info.payload_as_str().unwrap_or("no message");
        let text = format!("internal error{}: {what}", place.unwrap_or_default());
        if let Ok(mut last) = LAST.lock() {
            *last = Some(text);
        }
    }));
}

/// Runs `work`; a panic in it becomes an error.
pub fn caught(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let told = LAST.lock().ok().and_then(|mut last| last.take());
        Err(anyhow!(told.unwrap_or_else(|| "internal error".into())))
    })
}

/// `burn-flex-0.22.1/src/ops/conv.rs` of a path on the machine that built us.
fn shortened(file: &str) -> &str {
    let start = file.rfind("/src/").and_then(|src| file[..src].rfind('/')).map_or(0, |slash| slash + 1);
    &file[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_as_an_error_without_the_builders_path() {
        install();
        let error = caught(|| panic!("boom {}", 7)).unwrap_err().to_string();
        assert!(error.contains("boom 7") && error.contains("panics.rs:"), "{error}");
        assert_eq!(shortened("/home/x/.cargo/registry/a/crate-1.0/src/b/c.rs"), "crate-1.0/src/b/c.rs");
    }
}

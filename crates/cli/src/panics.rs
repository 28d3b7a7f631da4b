//! A panic is a defect of ours: it is told as an error, in one line, where users look for errors.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use anyhow::anyhow;

/// Where the last panic happened and what it said.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics from printing by themselves; [`caught`] tells them.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let what = info.payload_as_str().unwrap_or("no message");
        let text = format!("internal error{}: {what}", place.unwrap_or_default());
        if let Ok(mut last) = LAST.lock() {
            last.get_or_insert(text);
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

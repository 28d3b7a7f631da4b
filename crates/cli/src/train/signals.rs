//! SIGTERM and Ctrl-C end training after the step in hand, and in any case before the platform kills.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How often the flag is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What the end of the process may take.
const REST: Duration = Duration::from_secs(10);

/// Stopped by SIGTERM with nothing to show for it, as shells count: 128 and the signal.
const NOTHING_SAVED: i32 = 128 + SIGTERM;

/// A flag that the first SIGTERM or SIGINT sets. A second SIGINT ends the process at once; a second SIGTERM changes
/// nothing, since the platform may send several. As process 1 of a container we get no default action, so both must
/// be asked for.
pub fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    // Order matters: the conditional shutdown looks at the flag before this signal sets it.
    flag::register_conditional_shutdown(SIGINT, 128 + SIGINT, Arc::clone(&stop))
        .and_then(|_| flag::register(SIGINT, Arc::clone(&stop)))
        .and_then(|_| flag::register(SIGTERM, Arc::clone(&stop)))
        .context("cannot listen for SIGTERM and SIGINT")?;
    Ok(stop)
}

/// Ends the process shortly before `grace` has passed since `stop` was set, whatever it is doing: a step that takes longer is lost, but
/// the last checkpoint and the best model are whole on the disk at any moment. With a model in the folder `model` the job counts as
/// stopped in order.
pub fn end_in_time(
    stop: &Arc<AtomicBool>,
    grace: Duration,
    model: PathBuf,
    tell: impl Fn(&str) + Send + 'static,
) -> io::Result<()> {
    let (stop, limit) = (Arc::clone(stop), grace - REST.min(grace / 4));
    let watch = move || {
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(TICK);
        }
        thread::sleep(limit);
        let seconds = limit.as_secs_f64();
        tell(&format!(
            "Stopped {seconds:.1} s after a signal in the middle of a step: the last checkpoint and the best model so far stay."
        ));
        process::exit(if holds_weights(&model) { 0 } else { NOTHING_SAVED });
    };
    // It ends with the process.
    thread::Builder::new().name("grace".to_owned()).spawn(watch).map(drop)
}

fn holds_weights(model: &Path) -> bool {
    fs::read_dir(model).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "params"))
    })
}

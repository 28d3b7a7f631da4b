//! SIGTERM and Ctrl-C end training after the step in hand, and in any case before the platform kills.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

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

/// As long as it lives, the process ends in time after a signal.
pub struct Grace(Arc<AtomicBool>);

impl Drop for Grace {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Ends the process shortly before `grace` has passed since `stop` was set, whatever it is doing: a step that takes longer is lost, but
/// the last checkpoint and the best model are whole on the disk at any moment. With a new model in the folder `model`, or on a rank
/// that keeps none, the job counts as stopped in order.
///
/// # Errors
/// A thread that the system refuses.
pub fn end_in_time(
    stop: &Arc<AtomicBool>,
    grace: Duration,
    model: Option<PathBuf>,
    tell: impl Fn(&str) + Send + 'static,
) -> io::Result<Grace> {
    let (stop, limit, start) = (Arc::clone(stop), grace - REST.min(grace / 4), SystemTime::now());
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let watch = move || {
        let is_over = || is_over.load(Ordering::Relaxed);
        while !stop.load(Ordering::Relaxed) && !is_over() {
            thread::sleep(TICK);
        }
        let signal = Instant::now();
        while signal.elapsed() < limit && !is_over() {
            thread::sleep(TICK.min(limit));
        }
        if is_over() {
            return;
        }
        tell(&format!(
            "Stopped {:.1} s after a signal, before what was in hand was done: the last checkpoint and the best model so far stay.",
            limit.as_secs_f64()
        ));
        let has_model = model.is_none_or(|model| holds_weights_since(&model, start));
        process::exit(if has_model { 0 } else { NOTHING_SAVED });
    };
    thread::Builder::new().name("grace".to_owned()).spawn(watch)?;
    Ok(Grace(over))
}

/// Whether there are weights that are not from an earlier run.
fn holds_weights_since(model: &Path, start: SystemTime) -> bool {
    let is_new =
        |path: &Path| fs::metadata(path).and_then(|about| about.modified()).is_ok_and(|at| at >= start);
    let is_weights = |path: &Path| path.extension().is_some_and(|extension| extension == "params");
    fs::read_dir(model).is_ok_and(|entries| {
        entries.flatten().any(|entry| is_weights(&entry.path()) && is_new(&entry.path()))
    })
}

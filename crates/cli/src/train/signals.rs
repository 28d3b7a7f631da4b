//! SIGTERM and Ctrl-C end training after the step in hand.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

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

//! Listening, draining, signals.

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::connections::Connections;
use crate::routes::router;
use crate::service::Service;
use crate::{Configuration, Hosted, ServeError, log};

/// How long the last lines may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Answers requests on `listener` until `shutdown`, and then those in flight.
///
/// # Errors
/// The engine failed: whoever started this process had better know, so it does not stay up.
pub async fn serve(
    listener: TcpListener,
    hosted: impl Into<Hosted>,
    configuration: Configuration,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = Arc::new(Service::new(hosted.into(), configuration.clone())?);
    let (open, metrics) = (Arc::clone(&service.connections), Arc::clone(&service.metrics));
    let connections =
        Arc::new(Connections::new(router(&service), configuration.limits.clone(), open, metrics));
    let (close, closed) = oneshot::channel::<()>();
    let accepting = {
        let connections = Arc::clone(&connections);
        tokio::spawn(async move { connections.accept(listener, async { drop(closed.await) }).await })
    };
    let outcome = tokio::select! {
        () = shutdown => {
            service.drain();
            sleep(configuration.linger).await;
            Ok(())
        }
        failure = service.failed() => Err(failure.into()),
    };
    drop(close);
    let drained = async {
        // A listener that cannot be drained is closed all the same.
        let _ = accepting.await;
        connections.drain().await;
    };
    if timeout(configuration.grace, drained).await.is_err() {
        let grace = configuration.grace;
        configuration.log.say(&format!("requests still in flight after {grace:?} are cut off"));
    }
    outcome
}

/// Serves what `host` makes, at `address` until SIGTERM or SIGINT. `listening` gets the address once the port is open,
/// which is before the model is loaded.
///
/// # Errors
/// The address cannot be had, or the model cannot be served.
pub fn run<H: Into<Hosted>>(
    host: impl FnOnce() -> H,
    address: SocketAddr,
    configuration: Configuration,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let runtime = runtime().map_err(ServeError::Start)?;
    let outcome = runtime.block_on(async {
        // First of all: a container's process 1 without a handler never sees the signal.
        let signals = signals().map_err(ServeError::Start)?;
        // What is wrong with it had better be known before the port is open.
        configuration.default_output()?;
        let refused = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        listening(listener.local_addr().map_err(refused)?);
        tokio::select! {
            outcome = serve(listener, host(), configuration, until(signals.clone(), |asked| asked.to_end)) => outcome,
            // Who asks twice at a keyboard does not want to wait; a platform may well say SIGTERM twice.
            () = until(signals, |asked| asked.interrupts > 1) => Ok(()),
        }
    });
    // Whatever is still decoding is of no use to anybody.
    runtime.shutdown_background();
    log::flush(LAST_WORDS);
    outcome
}

/// A runtime for [`serve`]: a thread for every four cores, since HTTP is little work beside the network's, and threads
/// that hand a request to each other take longer than the request.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(4)).enable_all().build()
}

/// What signals asked for so far.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    to_end: bool,
    interrupts: u32,
}

/// SIGTERM and SIGINT; they are caught from the moment this returns.
fn signals() -> io::Result<watch::Receiver<Asked>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (asked, signals) = watch::channel(Asked::default());
    tokio::spawn(async move {
        loop {
            let interrupted = tokio::select! {
                _ = terminate.recv() => 0,
                _ = interrupt.recv() => 1,
            };
            asked.send_modify(|asked| {
                (asked.to_end, asked.interrupts) = (true, asked.interrupts + interrupted);
            });
        }
    });
    Ok(signals)
}

/// Ends once `reached`.
async fn until(mut signals: watch::Receiver<Asked>, reached: impl Fn(&Asked) -> bool) {
    if signals.wait_for(reached).await.is_err() {
        // The task that tells of them ends only with the runtime.
        std::future::pending::<()>().await;
    }
}

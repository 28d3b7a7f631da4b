//! Listening, draining, signals.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::connections::Connections;
use crate::routes::router;
use crate::service::Service;
use crate::{Configuration, Hosted, ServeError};

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
    let open = Arc::clone(&service.connections);
    let connections = Arc::new(Connections::new(router(&service), configuration.limits.clone(), open));
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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Start)?;
    let outcome = runtime.block_on(async {
        // First of all: a container's process 1 without a handler never sees the signal.
        let shutdown = signals().map_err(ServeError::Start)?;
        let refused = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        listening(listener.local_addr().map_err(refused)?);
        serve(listener, host(), configuration, shutdown).await
    });
    // Whatever is still decoding is of no use to anybody.
    runtime.shutdown_background();
    outcome
}

/// Ends with the first SIGTERM or SIGINT; they are caught from the moment this returns.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

//! Listening, draining, signals.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use burn::tensor::Device;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::routes::{Service, router};
use crate::{Engine, Output, Predictor, ServeError, media};

/// What may differ from one endpoint to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Largest request body in bytes. Default 25 MiB, what SageMaker's real-time endpoints let through.
    pub max_body: usize,
    /// Whether this is a batch transform job: answers are `{"prediction": [...]}` unless asked for otherwise.
    pub batch: bool,
    /// `Accept` of requests that have none or take anything; goes before `batch`.
    pub default_accept: Option<String>,
    /// How long after the shutdown the port stays open for requests that are on their way. Default 1 s.
    pub linger: Duration,
    /// How long requests in flight may take once the port is closed. Default 25 s: SageMaker kills 30 s after SIGTERM.
    pub grace: Duration,
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            max_body: 25 << 20,
            batch: false,
            default_accept: None,
            linger: Duration::from_secs(1),
            grace: Duration::from_secs(25),
        }
    }
}

impl Configuration {
    fn default_output(&self) -> Result<Output, ServeError> {
        let usual = if self.batch { Output::Prediction } else { Output::List };
        match &self.default_accept {
            None => Ok(usual),
            Some(accept) => media::preferred(accept, usual)
                .ok_or_else(|| ServeError::DefaultAccept { found: accept.clone() }),
        }
    }
}

/// Answers requests on `listener` until `shutdown`, and then those in flight.
///
/// # Errors
/// The engine failed: whoever started this process had better know, so it does not stay up.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    configuration: Configuration,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let service = Service::new(engine, configuration.max_body, configuration.default_output()?);
    let service = Arc::new(service);
    // An answer is one small write that nothing follows.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let (close, closed) = oneshot::channel::<()>();
    let server = axum::serve(listener, router(Arc::clone(&service)))
        .with_graceful_shutdown(async { drop(closed.await) });
    let mut server = tokio::spawn(server.into_future());

    let outcome = tokio::select! {
        () = shutdown => {
            service.drain();
            sleep(configuration.linger).await;
            Ok(())
        }
        failure = service.engine.failed() => Err(failure.into()),
    };
    drop(close);
    if timeout(configuration.grace, &mut server).await.is_err() {
        server.abort();
        eprintln!("brazier: requests still in flight after {:?} are cut off", configuration.grace);
    }
    outcome
}

/// Serves `model`, a folder or a `model.tar.gz`, on `device` at `address` until SIGTERM or SIGINT. `listening` gets the address
/// once the port is open, which is before the model is loaded.
///
/// # Errors
/// The address cannot be had, or the model cannot be served.
pub fn run(
    model: PathBuf,
    device: Device,
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
        let engine = Engine::start(move || Predictor::load(&model, &device));
        serve(listener, engine, configuration, shutdown).await
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

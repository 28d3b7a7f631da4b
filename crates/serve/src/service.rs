//! What all requests to one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use crate::admission::{BodyMemory, Places};
use crate::decoders::Decoders;
use crate::metrics::{Metrics, Now};
use crate::{Configuration, EngineFailure, Hosted, Output, RequestError, ServeError, State, memory};

/// What all requests to one server share.
pub(crate) struct Service {
    pub hosted: Hosted,
    pub configuration: Configuration,
    /// Form of an answer whose request leaves it to us.
    pub default_output: Output,
    pub decoders: Decoders,
    pub places: Places,
    pub bodies: Arc<BodyMemory>,
    pub metrics: Arc<Metrics>,
    /// A permit for each connection that may be open.
    pub connections: Arc<Semaphore>,
    draining: AtomicBool,
}

impl Service {
    pub(crate) fn new(hosted: Hosted, configuration: Configuration) -> Result<Self, ServeError> {
        let limits = &configuration.limits;
        Ok(Service {
            default_output: configuration.default_output()?,
            decoders: Decoders::for_this_machine()?,
            places: Places::new(limits.waiting),
            bodies: BodyMemory::new(limits.bodies.min(memory::available() as usize / 4)),
            metrics: Metrics::new(hosted.turn().batch_sizes()),
            connections: Arc::new(Semaphore::new(limits.connections)),
            draining: AtomicBool::new(false),
            hosted,
            configuration,
        })
    }

    /// From now on `/ping` says that no more requests should come, and every answer asks for a connection elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether requests are answered: by a look at the state, so that a busy engine does not delay it. A server of
    /// several models is healthy before the first is loaded (SageMaker's multi-model API).
    pub(crate) fn health(&self) -> Result<(), RequestError> {
        if let Hosted::One(engine) = &self.hosted {
            match engine.state() {
                State::Loading => return Err(RequestError::Loading),
                State::Ready(_) => {}
                State::Failed(failure) => return Err(RequestError::Failed(failure)),
            }
        }
        if self.is_draining() { Err(RequestError::Draining) } else { Ok(()) }
    }

    /// Waits for the only model to fail; for ever where there are others.
    pub(crate) async fn failed(&self) -> EngineFailure {
        match &self.hosted {
            Hosted::One(engine) => engine.failed().await,
            Hosted::Many(_) => std::future::pending().await,
        }
    }

    /// What is so now, for the metrics.
    pub(crate) fn now(&self) -> Now {
        let limits = &self.configuration.limits;
        Now {
            waiting: self.places.taken(),
            connections: limits.connections.saturating_sub(self.connections.available_permits()),
            bodies: self.bodies.held(),
            models: self.hosted.in_memory(),
        }
    }
}

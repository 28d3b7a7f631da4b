//! The paths that SageMaker calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{num::NonZero, thread};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use brazier_image::ImageError;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::engine::State as EngineState;
use crate::{Engine, Output, RequestError, Signature, body, media, response};

/// What all requests share.
pub(crate) struct Service {
    pub engine: Engine,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Form of an answer whose request leaves it to us.
    pub default_output: Output,
    /// One permit a core: decoding may take hundreds of megabytes an image.
    decoders: Arc<Semaphore>,
    draining: AtomicBool,
}

impl Service {
    pub(crate) fn new(engine: Engine, max_body: usize, default_output: Output) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let decoders = Arc::new(Semaphore::new(cores));
        Service { engine, max_body, default_output, decoders, draining: AtomicBool::new(false) }
    }

    /// From now on `/ping` says that no more requests should come.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn signature(&self) -> Result<Arc<Signature>, RequestError> {
        match self.engine.state() {
            EngineState::Loading => Err(RequestError::Loading),
            EngineState::Ready(signature) => Ok(signature),
            EngineState::Failed(failure) => Err(RequestError::Failed(failure)),
        }
    }

    /// Decodes off the threads that serve connections. A client that leaves does not free the permit: the decoder
    /// cannot be stopped.
    async fn decode(&self, encoded: Vec<u8>, signature: Arc<Signature>) -> Result<Vec<u8>, RequestError> {
        let permit = Arc::clone(&self.decoders).acquire_owned().await;
        let decoded = spawn_blocking(move || -> Result<Vec<u8>, ImageError> {
            let _permit = permit;
            signature.preprocess(&encoded)
        });
        Ok(decoded.await.map_err(|error| RequestError::Decoder(error.to_string()))??)
    }
}

/// `/ping` and `/invocations`; everything else is an error in JSON.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        // Newer text of SageMaker's guide lists /ping under POST; `get` answers HEAD as well.
        .route("/ping", get(ping).post(ping))
        .route("/invocations", post(invocations))
        .fallback(async || RequestError::NotFound)
        .method_not_allowed_fallback(async || RequestError::Method)
        .with_state(service)
}

/// Healthy or not, by a look at the state: a busy engine does not delay it.
async fn ping(State(service): State<Arc<Service>>) -> Result<StatusCode, RequestError> {
    service.signature()?;
    match service.draining.load(Ordering::Relaxed) {
        true => Err(RequestError::Draining),
        false => Ok(StatusCode::OK),
    }
}

/// One encoded image in, one probability a class out. Requests that arrive while draining are answered too: the
/// platform routed them before it knew.
async fn invocations(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, RequestError> {
    let answer = invoke(&service, &headers, body).await;
    if let Err(error) = &answer
        && error.status().0 == StatusCode::INTERNAL_SERVER_ERROR
    {
        eprintln!("brazier: request failed: {}", crate::error::sentence(error));
    }
    answer
}

async fn invoke(service: &Service, headers: &HeaderMap, body: Body) -> Result<Response, RequestError> {
    // The body first, even where the headers suffice to refuse it: see `body`.
    let encoded = body::read(body, service.max_body).await?;
    media::check_content_type(headers)?;
    let output = media::negotiate(headers, service.default_output)?;
    let signature = service.signature()?;
    if encoded.is_empty() {
        return Err(RequestError::EmptyBody);
    }
    let pixels = service.decode(encoded, Arc::clone(&signature)).await?;
    let probabilities = service.engine.predict(pixels).await?;
    Ok(response::prediction(output, &probabilities, &signature))
}

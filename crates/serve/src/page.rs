//! The page for people.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use crate::service::Service;
use crate::{Hosted, RequestError, State as EngineState};

/// One file without outside resources. `SHAPE` in it stands for the network's input: channels, height, width.
const PAGE: &str = include_str!("page.html");

/// It can load nothing from elsewhere and ask nobody but this server.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (CACHE_CONTROL, "no-store"),
];

/// `GET /`.
pub(crate) async fn page(State(service): State<Arc<Service>>) -> Result<Response, RequestError> {
    let Hosted::One(engine) = &service.hosted else { return Err(RequestError::NotFound) };
    let EngineState::Ready(signature) = engine.state() else { return Err(RequestError::Loading) };
    let shape = signature.shape();
    let shape = format!("[{}, {}, {}]", shape.channels, shape.height, shape.width);
    Ok((HEADERS, PAGE.replace("SHAPE", &shape)).into_response())
}

//! The paths that are answered, and what every answer carries.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::engine::panic_text;
use crate::invocations::invocations;
use crate::response::{Code, JSON};
use crate::service::Service;
use crate::trace::{Stages, milliseconds, request_id};
use crate::{Hosted, RequestError, metrics, models_api, page};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Requests at once and MiB a request that a batch transform job is told to use; the platform takes no more than
/// 100 MiB of them together. Sixteen is what the built-in algorithm's notebook asks for.
const TRANSFORMS: usize = 16;
const PAYLOAD: usize = 6;

/// Everything that is answered; other paths are an error in JSON.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let mut router = Router::new()
        // Newer text of SageMaker's guide lists /ping under POST; `get` answers HEAD as well.
        .route("/ping", get(ping).post(ping))
        .route("/invocations", post(invocations))
        .route("/execution-parameters", get(execution_parameters))
        .route("/metrics", get(metrics));
    if matches!(service.hosted, Hosted::Many(_)) {
        router = router.merge(models_api::routes());
    } else if service.configuration.page {
        router = router.route("/", get(page::page));
    }
    router
        .fallback(async || RequestError::NotFound)
        .method_not_allowed_fallback(async || RequestError::Method)
        .layer(from_fn_with_state(Arc::clone(service), observed))
        .with_state(Arc::clone(service))
}

/// Gives every request a name, and counts and logs those for predictions.
async fn observed(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let path = request.uri().path().to_owned();
    let presence = Presence { service: &service, answered: false };
    let mut response = sheltered(&service, next.run(request)).await;
    presence.answered();
    let total = begun.elapsed();
    let status = response.status().as_u16();
    let code = response.extensions().get::<Code>().map(|code| code.0);
    let stages = response.extensions().get::<Stages>().copied();
    let headers = response.headers_mut();
    if stages.is_none()
        && let Some(code) = code
    {
        service.metrics.rejected(code);
    }
    if let Some(stages) = &stages {
        service.metrics.answered(status, code, stages, total);
        insert(headers, SERVER_TIMING, &stages.header(total));
    }
    insert(headers, REQUEST_ID, &id);
    if service.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if path != "/ping" {
        log(&service, &id, &path, (status, code), &stages.unwrap_or_default(), milliseconds(total));
    }
    response
}

/// The response, or an error in its place if the request's own task panics: a defect of ours, which would close the
/// connection without a word.
async fn sheltered(service: &Service, response: impl Future<Output = Response>) -> Response {
    let mut response = pin!(response);
    let poll = |context: &mut Context<'_>| {
        let poll = AssertUnwindSafe(|| response.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|panic| {
            let defect = RequestError::Defect(panic_text(panic.as_ref()));
            service.configuration.log.say(&defect.to_string());
            Poll::Ready(defect.into_response())
        })
    };
    poll_fn(poll).await
}

/// All that goes in is visible ASCII.
fn insert(headers: &mut axum::http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn log(
    service: &Service,
    id: &str,
    path: &str,
    (status, code): (u16, Option<&'static str>),
    stages: &Stages,
    total: f64,
) {
    let log = service.configuration.log;
    if log != crate::log::Format::Json {
        return;
    }
    let mut fields = json!({"request_id": id, "path": path, "status": status});
    if let Some(code) = code {
        fields["code"] = json!(code);
    }
    for (stage, time) in stages.reached() {
        fields[format!("{stage}_ms")] = json!(milliseconds(time));
    }
    if let Some(batch) = stages.batch {
        fields["batch"] = json!(batch);
    }
    fields["total_ms"] = json!(total);
    log.request(fields);
}

/// Counts a client that leaves before its answer: hyper drops the future then.
struct Presence<'a> {
    service: &'a Service,
    answered: bool,
}

impl Presence<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.service.metrics.left();
        }
    }
}

async fn ping(State(service): State<Arc<Service>>) -> Result<StatusCode, RequestError> {
    service.health().map(|()| StatusCode::OK)
}

/// What a batch transform job may use that was not told otherwise. Without `BatchStrategy`: the platform and its local
/// mode want that spelt in two ways, and each fails on the other's.
async fn execution_parameters(State(service): State<Arc<Service>>) -> Response {
    let limits = &service.configuration.limits;
    let parameters = json!({
        "MaxConcurrentTransforms": TRANSFORMS.min(limits.waiting).max(1),
        "MaxPayloadInMB": PAYLOAD.min(service.configuration.max_body >> 20).max(1),
    });
    ([(CONTENT_TYPE, JSON)], parameters.to_string()).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], service.metrics.text(service.now())).into_response()
}

//! One request for a prediction, from its body to the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::EXPECT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::media::Input;
use crate::models_api::{Name, text};
use crate::service::Service;
use crate::trace::{Stages, Watch};
use crate::{Engine, RequestError, Signature, State as EngineState, body, error, media, records, response};

/// Where SageMaker names the model of a multi-model endpoint; its local mode sends that to `/invocations`.
const TARGET_MODEL: &str = "x-amzn-sagemaker-target-model";

/// `POST /invocations`: one encoded image in, one probability a class out. Requests that arrive while draining are
/// answered too: the platform routed them before it knew.
pub(crate) async fn invocations(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name = headers.get(TARGET_MODEL).and_then(|name| name.to_str().ok());
    answer(&service, name, &headers, body).await
}

/// `POST /models/NAME/invoke`.
pub(crate) async fn by_name(
    State(service): State<Arc<Service>>,
    name: Name,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match text(name) {
        Ok(name) => answer(&service, Some(&name), &headers, body).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// An answer within the deadline, with the time of its stages.
async fn answer(service: &Arc<Service>, model: Option<&str>, headers: &HeaderMap, body: Body) -> Response {
    let mut stages = Stages::default();
    let deadline = service.configuration.limits.deadline;
    let answer = timeout(deadline, predict(service, model, headers, body, &mut stages)).await;
    let late = |_| Err(RequestError::Deadline { seconds: deadline.as_secs() });
    let answer = answer.unwrap_or_else(late);
    if let Err(refusal) = &answer
        && refusal.status().0 == StatusCode::INTERNAL_SERVER_ERROR
    {
        service.configuration.log.say(&format!("request failed: {}", error::sentence(refusal)));
    }
    let mut response = answer.into_response();
    if service.configuration.echo_attributes
        && let Some(attributes) = headers.get(media::ATTRIBUTES)
    {
        response.headers_mut().insert(media::ATTRIBUTES, attributes.clone());
    }
    response.extensions_mut().insert(stages);
    response
}

async fn predict(
    service: &Arc<Service>,
    model: Option<&str>,
    headers: &HeaderMap,
    body: Body,
    stages: &mut Stages,
) -> Result<Response, RequestError> {
    let configuration = &service.configuration;
    let limits = body::Limits { bytes: configuration.max_body, time: configuration.limits.body };
    let mut watch = Watch::start();
    // A client that asks before it sends is told at once; hyper invites it to send with the first look at the body.
    if headers.contains_key(EXPECT) {
        media::input(headers)?;
        media::negotiate(headers, service.default_output)?;
        body::check_announced(&body, limits.bytes)?;
    }
    // Else the body first, even where the headers suffice to refuse it: see `body`.
    let encoded = body::read(body, limits, &service.bodies).await?;
    stages.body = watch.lap();
    let input = media::input(headers)?;
    let output = media::negotiate(headers, service.default_output)?;
    let _place = service.places.take()?;
    let engine = service.hosted.engine(model).await?;
    let signature = signature(&engine)?;
    if encoded.bytes.is_empty() {
        return Err(RequestError::EmptyBody);
    }
    if input == Input::Records {
        let answers = records::predict(service, &engine, &signature, records::images(encoded)?).await?;
        return Ok(response::predictions(output, &answers, &signature));
    }
    let decoded = service.decoders.decode(encoded, Arc::clone(&signature)).await?;
    (stages.decode_wait, stages.decode) = (Some(decoded.waited), Some(decoded.took));
    let prediction = engine.predict(decoded.pixels).await?;
    (stages.predict_wait, stages.predict) = (Some(prediction.waited), Some(prediction.computed));
    stages.batch = Some(prediction.batch);
    Ok(response::prediction(output, &prediction.probabilities, &signature))
}

fn signature(engine: &Engine) -> Result<Arc<Signature>, RequestError> {
    match engine.state() {
        EngineState::Loading => Err(RequestError::Loading),
        EngineState::Ready(signature) => Ok(signature),
        EngineState::Failed(failure) => Err(RequestError::Failed(failure)),
    }
}

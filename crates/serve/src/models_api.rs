//! The paths of SageMaker's multi-model API.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::{self, JoinHandle};

use crate::error::sentence;
use crate::models::{Description, Models};
use crate::response::JSON;
use crate::service::Service;
use crate::{Hosted, RequestError, body, invocations};

/// Bytes of a request to load a model: a name and a path.
const MAX_LOAD: usize = 64 << 10;

/// `POST /models`, as the platform sends it; what else it may send is left alone.
#[derive(Debug, Deserialize)]
struct Load {
    model_name: String,
    url: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Page {
    next_page_token: Option<String>,
}

/// `/models` and below.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/models", get(list).post(load))
        .route("/models/{name}", get(describe).delete(unload))
        .route("/models/{name}/invoke", post(invocations::by_name))
}

async fn load(State(service): State<Arc<Service>>, body: Body) -> Result<Response, RequestError> {
    let limits = body::Limits { bytes: MAX_LOAD, time: service.configuration.limits.body };
    let received = body::read(body, limits, &service.bodies).await?;
    let asked: Load = serde_json::from_slice(&received.bytes)
        .map_err(|error| RequestError::LoadRequest(error.to_string()))?;
    // On a task of its own: the platform gives up waiting after a minute and asks later whether the model is there,
    // so a load must not end with the connection.
    let models = models(&service)?.clone();
    let loading = task::spawn(async move { models.load(&asked.model_name, &asked.url).await });
    let loaded = finished(loading).await;
    if let Err(refusal) = &loaded {
        service.configuration.log.say(&sentence(refusal));
    }
    loaded.map(|()| answer(&json!({})))
}

async fn list(
    State(service): State<Arc<Service>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, RequestError> {
    let Query(page) = page.map_err(|error| RequestError::Address(error.body_text()))?;
    let (page, token) = models(&service)?.list(page.next_page_token.as_deref());
    let mut told = json!({"models": page.iter().map(described).collect::<Vec<_>>()});
    if let Some(token) = token {
        told["nextPageToken"] = json!(token);
    }
    Ok(answer(&told))
}

async fn describe(State(service): State<Arc<Service>>, name: Name) -> Result<Response, RequestError> {
    let name = text(name)?;
    Ok(answer(&described(&models(&service)?.describe(&name)?)))
}

async fn unload(State(service): State<Arc<Service>>, name: Name) -> Result<Response, RequestError> {
    let (models, name) = (models(&service)?.clone(), text(name)?);
    finished(task::spawn(async move { models.unload(&name).await })).await?;
    Ok(answer(&json!({})))
}

/// What came of a task, whose panic would be a defect of ours.
async fn finished(task: JoinHandle<Result<(), RequestError>>) -> Result<(), RequestError> {
    task.await.unwrap_or_else(|error| Err(RequestError::Defect(error.to_string())))
}

/// A model's name in an address, as far as it is text.
pub(crate) type Name = Result<Path<String>, PathRejection>;

/// The text of a name.
///
/// # Errors
/// Bytes that are no UTF-8.
pub(crate) fn text(name: Name) -> Result<String, RequestError> {
    name.map(|Path(name)| name).map_err(|error| RequestError::Address(error.body_text()))
}

fn models(service: &Service) -> Result<&Models, RequestError> {
    match &service.hosted {
        Hosted::Many(models) => Ok(models),
        Hosted::One(_) => Err(RequestError::NotFound),
    }
}

fn described(model: &Description) -> Value {
    json!({"modelName": model.name, "modelUrl": model.url.to_string_lossy()})
}

fn answer(body: &Value) -> Response {
    ([(CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

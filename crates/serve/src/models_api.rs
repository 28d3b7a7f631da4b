//! The paths of SageMaker's multi-model API.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task;

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
    let loading = {
        let service = Arc::clone(&service);
        task::spawn(async move { models(&service)?.load(&asked.model_name, &asked.url).await })
    };
    loading.await.map_err(|error| RequestError::LoadRequest(error.to_string()))??;
    Ok(answer(&json!({})))
}

async fn list(
    State(service): State<Arc<Service>>,
    Query(page): Query<Page>,
) -> Result<Response, RequestError> {
    let (page, token) = models(&service)?.list(page.next_page_token.as_deref());
    let mut told = json!({"models": page.iter().map(described).collect::<Vec<_>>()});
    if let Some(token) = token {
        told["nextPageToken"] = json!(token);
    }
    Ok(answer(&told))
}

async fn describe(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Response, RequestError> {
    Ok(answer(&described(&models(&service)?.describe(&name)?)))
}

async fn unload(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Response, RequestError> {
    models(&service)?.unload(&name).await?;
    Ok(answer(&json!({})))
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

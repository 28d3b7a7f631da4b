//! What can go wrong: with a model, with the process, with one request.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use brazier_checkpoint::archive::ArchiveError;
use brazier_image::ImageError;
use brazier_model::ModelError;

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder or archive cannot be read.
    #[error("cannot open the model")]
    Archive(#[source] ArchiveError),
    /// A file is missing, or is not what its name says.
    #[error("cannot load the model at {}", path.display())]
    Model {
        /// The folder or archive.
        path: PathBuf,
        /// The file and what is wrong with it.
        source: ModelError,
    },
    /// A pipe or a device.
    #[error("{} is neither a file nor a folder, expected a model's folder or its archive", path.display())]
    Kind {
        /// What was to be loaded.
        path: PathBuf,
    },
    /// Weights that answer nothing usable.
    #[error("the model has no answer to a black image")]
    WarmUp(#[source] PredictError),
}

/// Why there is no answer to an image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// Bytes that are not the images they should be.
    #[error("there are {found} bytes of pixels, expected {expected}")]
    Pixels {
        /// Bytes given.
        found: usize,
        /// Images x height x width x channels.
        expected: usize,
    },
    /// The network computed no number.
    #[error(
        "the network's answer for class {class} is {found}, expected a finite number: did training diverge?"
    )]
    NotFinite {
        /// The first such class.
        class: usize,
        /// NaN or an infinity.
        found: f32,
    },
}

/// Why an engine answers no more.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineFailure {
    /// The model could not be loaded.
    #[error(transparent)]
    Load(Arc<LoadError>),
    /// A defect of this program, or of the device.
    #[error("prediction broke down: {0}")]
    Panic(String),
    /// The system gave no thread.
    #[error("cannot start the engine's thread: {0}")]
    Thread(String),
    /// The thread ended without a word, which it does only when nobody can ask it.
    #[error("the engine's thread has ended")]
    Gone,
}

/// Why a server ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gave no threads for decoding.
    #[error("cannot start the decoders' threads: {0}")]
    Decoders(String),
    /// The system gave no threads or no signals.
    #[error("cannot start the server")]
    Start(#[source] io::Error),
    /// A default for `Accept` that no request could use.
    #[error("the default media type of answers is '{found}', expected one of {}", crate::media::ANSWERS)]
    DefaultAccept {
        /// The text as configured.
        found: String,
    },
    /// There is nothing to serve.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
}

/// An error and its causes in one line.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        // Some messages quote their cause already.
        if !text.ends_with(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

/// Why a request gets no prediction. The text is the answer's `message`; no text of the client's is repeated in full.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A body of no bytes.
    #[error("the body is empty: expected the bytes of one image")]
    EmptyBody,
    /// A body that broke off, or whose chunks are malformed.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// A body that is no image, or one beyond the limits.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A record among others that is no image.
    #[error("record {number}: {reason}")]
    Record {
        /// From 0.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A body that took too long.
    #[error("the body took longer than {seconds} s to come")]
    SlowBody {
        /// What it may take.
        seconds: u64,
    },
    /// As many requests as may wait do wait.
    #[error("{limit} requests wait for their answer, no more are taken: try again later")]
    Busy {
        /// What may wait.
        limit: usize,
    },
    /// Other requests' bodies fill the memory set aside for them.
    #[error("request bodies already fill the {limit} bytes set aside for them: try again later")]
    BodyMemory {
        /// Bytes set aside.
        limit: usize,
    },
    /// There was no answer in time.
    #[error("there was no answer within {seconds} s: the server has too much to do")]
    Deadline {
        /// What an answer may take.
        seconds: u64,
    },
    /// An unknown path.
    #[error("there is nothing here: expected /ping, /invocations, /execution-parameters or /metrics")]
    NotFound,
    /// A path or a query that is no text, or says something twice.
    #[error("the address cannot be read: {0}")]
    Address(String),
    /// A known path, asked in another way than it answers.
    #[error("the method is not allowed here: expected POST for /invocations, GET for /ping and other paths")]
    Method,
    /// An `Accept` that names no answer we have.
    #[error("cannot answer as '{found}': expected one of {}", crate::media::ANSWERS)]
    NotAcceptable {
        /// The header, shortened.
        found: String,
    },
    /// A body above the configured limit.
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A `Content-Type` that is not one of an image.
    #[error("cannot read a body of type '{found}': expected one of {}", crate::media::IMAGES)]
    MediaType {
        /// The header, shortened.
        found: String,
    },
    /// The model is not there yet.
    #[error("the model is loading: try again later")]
    Loading,
    /// The model will never be there.
    #[error("the model cannot be served")]
    Failed(#[source] EngineFailure),
    /// A model that is not, or no longer, loaded.
    #[error("the model is not loaded: load it with POST /models")]
    Unloaded,
    /// A model that is loaded already.
    #[error("the model '{name}' is loaded already")]
    Loaded {
        /// Its name, shortened.
        name: String,
    },
    /// A model that cannot be loaded.
    #[error("the model cannot be loaded")]
    Load(#[source] EngineFailure),
    /// A body of `POST /models` that says nothing usable.
    #[error("cannot load a model: {0}; expected {{\"model_name\": \"...\", \"url\": \"...\"}}")]
    LoadRequest(String),
    /// No room for one more model.
    #[error(
        "the model needs {needed} bytes, {limit} are set aside for models and those in use leave too little"
    )]
    ModelMemory {
        /// Bytes of its weights.
        needed: u64,
        /// Bytes set aside.
        limit: u64,
    },
    /// The server was told to stop.
    #[error("the server is shutting down")]
    Draining,
    /// The network has no answer to this image.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// A defect of this program.
    #[error("decoding broke down: {0}")]
    Decoder(String),
    /// Another one.
    #[error("the request broke down: {0}")]
    Defect(String),
}

impl RequestError {
    /// The status and the `code` of the answer; the code is stable, the message is not.
    pub fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::EmptyBody => (StatusCode::BAD_REQUEST, "EMPTY_BODY"),
            Self::Body(_) => (StatusCode::BAD_REQUEST, "UNREADABLE_BODY"),
            Self::Image(_) | Self::Record { .. } => (StatusCode::BAD_REQUEST, "INVALID_IMAGE"),
            Self::Address(_) => (StatusCode::BAD_REQUEST, "INVALID_ADDRESS"),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
            Self::NotAcceptable { .. } => (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE"),
            Self::SlowBody { .. } => (StatusCode::REQUEST_TIMEOUT, "SLOW_BODY"),
            Self::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"),
            Self::BodyMemory { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_BYTES"),
            Self::Deadline { .. } => (StatusCode::SERVICE_UNAVAILABLE, "DEADLINE_EXCEEDED"),
            Self::Unloaded => (StatusCode::NOT_FOUND, "MODEL_NOT_LOADED"),
            Self::Loaded { .. } => (StatusCode::CONFLICT, "MODEL_ALREADY_LOADED"),
            Self::Load(_) => (StatusCode::INTERNAL_SERVER_ERROR, "MODEL_FAILED"),
            Self::LoadRequest(_) => (StatusCode::BAD_REQUEST, "INVALID_LOAD_REQUEST"),
            // The code that SageMaker's multi-model API names; the platform then unloads other models.
            Self::ModelMemory { .. } => (StatusCode::INSUFFICIENT_STORAGE, "MODEL_MEMORY"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
            Self::MediaType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
            Self::Loading => (StatusCode::SERVICE_UNAVAILABLE, "MODEL_LOADING"),
            Self::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "MODEL_FAILED"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN"),
            Self::Predict(_) => (StatusCode::INTERNAL_SERVER_ERROR, "PREDICTION_FAILED"),
            Self::Decoder(_) => (StatusCode::INTERNAL_SERVER_ERROR, "DECODER_FAILED"),
            Self::Defect(_) => (StatusCode::INTERNAL_SERVER_ERROR, "REQUEST_FAILED"),
        }
    }

    /// Seconds after which the same request may fare better, where that is so.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let passing = matches!(
            self,
            Self::Busy { .. }
                | Self::BodyMemory { .. }
                | Self::Deadline { .. }
                | Self::Loading
                | Self::Draining
        );
        passing.then_some(1)
    }
}

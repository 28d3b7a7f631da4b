//! What may differ from one endpoint to the next.

use std::time::Duration;

use crate::log::Format;
use crate::{Output, ServeError, media};

/// What may differ from one endpoint to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Largest request body in bytes. Default 25 MiB, what SageMaker's real-time endpoints let through.
    pub max_body: usize,
    /// Whether this is a batch transform job: answers are `{"prediction": [...]}` unless asked for otherwise.
    pub batch: bool,
    /// `Accept` of requests that have none or take anything; goes before `batch`.
    pub default_accept: Option<String>,
    /// Whether an answer carries the request's `X-Amzn-SageMaker-Custom-Attributes` back.
    pub echo_attributes: bool,
    /// Whether `GET /` answers a page for people.
    pub page: bool,
    /// Form of the log lines.
    pub log: Format,
    /// What clients may cost.
    pub limits: Limits,
    /// How long after the shutdown the port stays open for requests that are on their way. Default 1 s.
    pub linger: Duration,
    /// How long requests in flight may take once the port is closed. Default 25 s: SageMaker kills 30 s after SIGTERM.
    pub grace: Duration,
}

/// What clients may cost: in numbers, in memory and in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests whose body is there and whose answer is not; more are refused with 429 at once. Default 128: on the
    /// slowest network served here, ResNet-50 on two cores, some five seconds of work.
    pub waiting: usize,
    /// Open connections; more are refused with 503. Default 1000, below the usual 1024 files of a process.
    pub connections: usize,
    /// Bytes of all request bodies that are held at a time; a request beyond is refused with 429, unless it is small. Default
    /// 256 MiB, and a quarter of the memory at most.
    pub bodies: usize,
    /// From the first byte of a request's head to its last, and from the connection to the first request.
    /// Default 15 s.
    pub head: Duration,
    /// From the head to the last byte of the body. Default 30 s.
    pub body: Duration,
    /// From one answer to the next request. Default 75 s: SageMaker's front end keeps connections and takes one
    /// closed under its request for a failure; AWS's own servers keep them for 60 s.
    pub idle: Duration,
    /// How long a client may leave its answer unread. Default 30 s.
    pub write: Duration,
    /// From the head to the answer. Default 50 s: SageMaker gives up at 60.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            waiting: 128,
            connections: 1000,
            bodies: 256 << 20,
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            deadline: Duration::from_secs(50),
        }
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            max_body: 25 << 20,
            batch: false,
            default_accept: None,
            echo_attributes: false,
            page: true,
            log: Format::Text,
            limits: Limits::default(),
            linger: Duration::from_secs(1),
            grace: Duration::from_secs(25),
        }
    }
}

impl Configuration {
    /// Form of an answer whose request leaves it to us.
    pub(crate) fn default_output(&self) -> Result<Output, ServeError> {
        let usual = if self.batch { Output::Prediction } else { Output::List };
        match &self.default_accept {
            None => Ok(usual),
            Some(accept) => media::preferred(accept, usual)
                .ok_or_else(|| ServeError::DefaultAccept { found: accept.clone() }),
        }
    }
}

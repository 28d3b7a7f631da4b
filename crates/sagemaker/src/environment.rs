//! Every environment variable the container reads, and nothing else.
//!
//! The readers take a lookup, so that tests need not touch the process.

use std::env;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::paths::DEFAULT_PREFIX;

mod variables;

use variables::{
    BASE_DIRECTORY, BATCH, COMPUTE_DTYPE, DEADLINE, DEFAULT_ACCEPT, ECHO_ATTRIBUTES, IDLE, JOB_NAME, LOG,
    MAX_CONNECTIONS, MAX_PAYLOAD, MAX_WAITING, MODEL_MEMORY, MULTI_MODEL, PAGE, PORT, PRETRAINED,
};
pub(crate) use variables::{MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE};
pub use variables::{VARIABLES, Variable, markdown};

/// Port the platform sends requests to unless told otherwise.
const DEFAULT_PORT: u16 = 8080;
/// What real-time endpoints let through, in MiB.
const DEFAULT_PAYLOAD: usize = 25;
/// The most that batch transform allows, in MiB; its 0 stands for "no limit, streamed".
const LARGEST_PAYLOAD: usize = 100;

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("environment variable {name} is '{value}', expected {expected}")]
pub struct EnvironmentError {
    /// The variable.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// What it should hold.
    pub expected: String,
}

/// The environment as the container sees it. Empty values count as unset.
pub struct Environment<L> {
    lookup: L,
}

/// The environment of this process; names that are not UTF-8 text do not exist for us.
pub fn process() -> Environment<impl Fn(&str) -> Option<String>> {
    Environment::new(|name| env::var(name).ok())
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    /// The environment behind `lookup`.
    pub fn new(lookup: L) -> Self {
        Self { lookup }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_string()).filter(|value| !value.is_empty())
    }

    /// Root of the tree: `SAGEMAKER_BASE_DIR`, or `/opt/ml`.
    pub fn base_directory(&self) -> PathBuf {
        self.get(BASE_DIRECTORY).map_or_else(|| PathBuf::from(DEFAULT_PREFIX), PathBuf::from)
    }

    /// Where an image may hold weights for `use_pretrained_model`.
    pub fn pretrained_directory(&self) -> PathBuf {
        self.get(PRETRAINED).map_or_else(|| PathBuf::from("/opt/brazier/pretrained"), PathBuf::from)
    }

    /// `TRAINING_JOB_NAME`.
    pub fn job_name(&self) -> Option<String> {
        self.get(JOB_NAME)
    }

    /// Port to serve on: `SAGEMAKER_BIND_TO_PORT`, or 8080.
    pub fn port(&self) -> Result<u16, EnvironmentError> {
        let Some(value) = self.get(PORT) else { return Ok(DEFAULT_PORT) };
        match value.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(wrong(PORT, value, "a port between 1 and 65535")),
        }
    }

    /// Whether this is a batch transform job: `true` on the platform, `True` in local mode.
    pub fn batch(&self) -> Result<bool, EnvironmentError> {
        self.switch(BATCH, false)
    }

    /// Largest request body, in bytes.
    pub fn max_payload(&self) -> Result<usize, EnvironmentError> {
        let mebibytes = match self.get(MAX_PAYLOAD) {
            None => DEFAULT_PAYLOAD,
            Some(value) => match value.parse() {
                Ok(0) => LARGEST_PAYLOAD,
                Ok(size) if size <= LARGEST_PAYLOAD => size,
                _ => return Err(wrong(MAX_PAYLOAD, value, "a whole number of MiB between 0 and 100")),
            },
        };
        Ok(mebibytes << 20)
    }

    /// Media type for requests whose `Accept` is absent or `*/*`.
    pub fn default_accept(&self) -> Option<String> {
        self.get(DEFAULT_ACCEPT)
    }

    /// Whether models come and go by requests.
    pub fn multi_model(&self) -> Result<bool, EnvironmentError> {
        self.switch(MULTI_MODEL, false)
    }

    /// Bytes for the weights of all models, where it is told.
    pub fn model_memory(&self) -> Result<Option<u64>, EnvironmentError> {
        Ok(self.number(MODEL_MEMORY, "MiB", 1..=1 << 32)?.map(|mebibytes| mebibytes << 20))
    }

    /// Requests that may wait for their answer.
    pub fn max_waiting(&self) -> Result<Option<usize>, EnvironmentError> {
        Ok(self.number(MAX_WAITING, "requests", 1..=100_000)?.map(|count| count as usize))
    }

    /// Connections that may be open.
    pub fn max_connections(&self) -> Result<Option<usize>, EnvironmentError> {
        Ok(self.number(MAX_CONNECTIONS, "connections", 1..=100_000)?.map(|count| count as usize))
    }

    /// Time from a request to its answer.
    pub fn deadline(&self) -> Result<Option<Duration>, EnvironmentError> {
        Ok(self.number(DEADLINE, "seconds", 1..=3600)?.map(Duration::from_secs))
    }

    /// Time that a connection stays open without a request.
    pub fn idle(&self) -> Result<Option<Duration>, EnvironmentError> {
        Ok(self.number(IDLE, "seconds", 1..=3600)?.map(Duration::from_secs))
    }

    /// Whether there is a page for people.
    pub fn page(&self) -> Result<bool, EnvironmentError> {
        self.switch(PAGE, true)
    }

    /// Whether the log is JSON.
    pub fn json_log(&self) -> Result<bool, EnvironmentError> {
        match self.get(LOG) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("text") => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("json") => Ok(true),
            Some(value) => Err(wrong(LOG, value, "text or json")),
        }
    }

    /// Whether a served model's convolutions multiply bfloat16.
    pub fn multiplies_bfloat16(&self) -> Result<bool, EnvironmentError> {
        match self.get(COMPUTE_DTYPE) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("float32") => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("bfloat16") => Ok(true),
            Some(value) => Err(wrong(COMPUTE_DTYPE, value, "float32 or bfloat16")),
        }
    }

    /// Whether custom attributes are sent back.
    pub fn echo_attributes(&self) -> Result<bool, EnvironmentError> {
        self.switch(ECHO_ATTRIBUTES, false)
    }

    fn switch(&self, name: &'static str, default: bool) -> Result<bool, EnvironmentError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" => Ok(true),
            "false" | "0" | "off" => Ok(false),
            _ => Err(wrong(name, value, "true or false")),
        }
    }

    fn number(
        &self,
        name: &'static str,
        unit: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, EnvironmentError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let (least, most) = range.into_inner();
                Err(wrong(name, value, &format!("a whole number of {unit} between {least} and {most}")))
            }
        }
    }
}

fn wrong(name: &'static str, value: String, expected: &str) -> EnvironmentError {
    EnvironmentError { name, value, expected: expected.into() }
}

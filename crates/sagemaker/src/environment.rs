//! Every environment variable the container reads, and nothing else.
//!
//! The readers take a lookup, so that tests need not touch the process.

use std::env;
use std::path::PathBuf;

use thiserror::Error;

use crate::paths::DEFAULT_PREFIX;

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
}

const BASE_DIRECTORY: &str = "SAGEMAKER_BASE_DIR";
const JOB_NAME: &str = "TRAINING_JOB_NAME";
const PORT: &str = "SAGEMAKER_BIND_TO_PORT";
const PRETRAINED: &str = "BRAZIER_PRETRAINED";
const BATCH: &str = "SAGEMAKER_BATCH";
const MAX_PAYLOAD: &str = "SAGEMAKER_MAX_PAYLOAD_IN_MB";
pub(crate) const WORLD_SIZE: &str = "WORLD_SIZE";
pub(crate) const RANK: &str = "RANK";
pub(crate) const MASTER_ADDR: &str = "MASTER_ADDR";
pub(crate) const MASTER_PORT: &str = "MASTER_PORT";
const DEFAULT_ACCEPT: &str = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT";

/// All of them, for documentation.
pub static VARIABLES: &[Variable] = &[
    Variable {
        name: BASE_DIRECTORY,
        help: "Root of the tree that the platform mounts at /opt/ml; for tests.",
    },
    Variable { name: JOB_NAME, help: "Name of the training job, set by the platform." },
    Variable { name: PORT, help: "Port to serve on instead of 8080, set by the platform for pipelines." },
    Variable { name: BATCH, help: "true when serving a batch transform job, set by the platform." },
    Variable {
        name: MAX_PAYLOAD,
        help: "Largest request body in MiB, 25 by default; 0 means the platform's most, 100.",
    },
    Variable {
        name: PRETRAINED,
        help: "Folder of weights for use_pretrained_model, instead of /opt/brazier/pretrained.",
    },
    Variable {
        name: WORLD_SIZE,
        help: "Processes that train together, where no platform names hosts; set by launchers such as torchrun.",
    },
    Variable { name: RANK, help: "With WORLD_SIZE: which of them this is, from 0." },
    Variable { name: MASTER_ADDR, help: "With WORLD_SIZE: name or address of rank 0." },
    Variable { name: MASTER_PORT, help: "Port at which rank 0 waits for the others, 7860 by default." },
    Variable { name: DEFAULT_ACCEPT, help: "Media type of answers to requests that do not ask for one." },
];

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
    pub expected: &'static str,
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
            _ => Err(EnvironmentError { name: PORT, value, expected: "a port between 1 and 65535" }),
        }
    }

    /// Whether this is a batch transform job: `true` on the platform, `True` in local mode.
    pub fn batch(&self) -> bool {
        self.get(BATCH).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Largest request body, in bytes.
    pub fn max_payload(&self) -> Result<usize, EnvironmentError> {
        let mebibytes = match self.get(MAX_PAYLOAD) {
            None => DEFAULT_PAYLOAD,
            Some(value) => match value.parse() {
                Ok(0) => LARGEST_PAYLOAD,
                Ok(size) if size <= LARGEST_PAYLOAD => size,
                _ => {
                    let expected = "a whole number of MiB between 0 and 100";
                    return Err(EnvironmentError { name: MAX_PAYLOAD, value, expected });
                }
            },
        };
        Ok(mebibytes << 20)
    }

    /// Media type for requests whose `Accept` is absent or `*/*`.
    pub fn default_accept(&self) -> Option<String> {
        self.get(DEFAULT_ACCEPT)
    }
}

//! Reading the JSON files that the platform puts under `input/config`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

/// Why a file of the platform could not be used. Every variant names the file.
#[derive(Debug, Error)]
pub enum ConfigurationError {
    /// The file exists but cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not JSON.
    #[error("{}: is not valid JSON: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and column.
        source: serde_json::Error,
    },
    /// The JSON is not what the contract says.
    #[error("{}: {field}: found {found}, expected {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Where in it, such as `train.TrainingInputMode`.
        field: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

/// The object in the file at `path`; `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Map<String, Value>>, ConfigurationError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigurationError::Read { path: path.to_path_buf(), source }),
    }
}

/// The object in `text`, which was read from `path`.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Map<String, Value>, ConfigurationError> {
    let value = serde_json::from_str(text)
        .map_err(|source| ConfigurationError::Syntax { path: path.to_path_buf(), source })?;
    match value {
        Value::Object(object) => Ok(object),
        other => Err(wrong(path, "top level", &other, "an object")),
    }
}

/// The text at `key`; `None` if it is absent, null or empty.
pub(crate) fn text<'a>(
    object: &'a Map<String, Value>,
    key: &str,
    path: &Path,
    field: &str,
) -> Result<Option<&'a str>, ConfigurationError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(other) => Err(wrong(path, field, other, "a string")),
    }
}

/// The error for `found` at `field`.
pub(crate) fn wrong(path: &Path, field: &str, found: &Value, expected: &'static str) -> ConfigurationError {
    let found = found.to_string().chars().take(60).collect();
    ConfigurationError::Field { path: path.to_path_buf(), field: field.to_string(), found, expected }
}

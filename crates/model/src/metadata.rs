//! `brazier.json`: what the old artifact never said about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Name of the file in the artifact.
pub const FILE: &str = "brazier.json";

/// Version of this file's layout; a reader refuses a higher one.
pub const SCHEMA: u32 = 1;

/// What the artifact says about itself beside weights and graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The program's version.
    pub brazier_version: String,
    /// Name of class k at place k, if the data told them.
    pub class_names: Option<Vec<String>>,
    /// How validation turned a file into pixels; an endpoint does the same. Opaque here: `image::Preprocess` owns it.
    pub preprocessing: serde_json::Value,
    /// The job's hyperparameters as text.
    pub hyperparameters: BTreeMap<String, String>,
    /// Of the epoch whose weights these are: `validation:accuracy` and the like.
    pub metrics: BTreeMap<String, f64>,
    /// Zero-based epoch of these weights.
    pub epoch: usize,
}

impl Metadata {
    /// The file's bytes: indented JSON and a final newline.
    ///
    /// # Errors
    /// A metric that is not finite cannot be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>, ModelError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| ModelError::Encode { file: FILE, reason: error.to_string() })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// Bytes that are not this JSON, or a schema from the future.
    pub fn decode(bytes: &[u8]) -> Result<Self, ModelError> {
        let metadata: Metadata =
            serde_json::from_slice(bytes).map_err(|error| refused(&error.to_string()))?;
        match metadata.schema {
            0..=SCHEMA => Ok(metadata),
            found => Err(refused(&format!(
                "schema is {found}, this program reads up to {SCHEMA}: use a newer one"
            ))),
        }
    }
}

fn refused(reason: &str) -> ModelError {
    ModelError::File { file: FILE.into(), reason: reason.into() }
}

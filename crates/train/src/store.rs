//! Which weights stay on disk: of the best epoch, or of every so many.
//!
//! Whatever moment the process dies at, the folder holds a complete artifact once the first epoch is stored: new
//! weights are committed under their own name before `brazier.json` speaks of them and before old ones go.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use brazier_checkpoint::commit;
use brazier_model::metadata::{self, Metadata};
use brazier_model::{ResNet, artifact};
use burn::module::Module;

use crate::{Job, TrainError};

/// The artifact's folder and what is in it.
pub struct Store<'a> {
    job: &'a Job,
    last: Option<PathBuf>,
}

impl<'a> Store<'a> {
    /// Writes the graph and the input's shape, which do not change while training.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn new(job: &'a Job) -> Result<Self, TrainError> {
        let store = Store { job, last: None };
        store.commit(artifact::SYMBOL_FILE, &artifact::encode_symbol(&job.layout))?;
        store.commit(artifact::SHAPES_FILE, &artifact::encode_shapes(job.batch, job.shape))?;
        Ok(store)
    }

    /// Whether weights of some epoch are on disk.
    pub fn has_weights(&self) -> bool {
        self.last.is_some()
    }

    /// Writes the weights after 0-based `epoch` beside those that are there. Answers their path.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(
        &mut self,
        network: &ResNet,
        epoch: usize,
        metrics: BTreeMap<String, f64>,
    ) -> Result<PathBuf, TrainError> {
        let name = artifact::params_file(epoch);
        self.commit(&name, &artifact::encode_params(&network.valid(), &self.job.layout.head)?)?;
        let metadata = Metadata {
            schema: metadata::SCHEMA,
            brazier_version: env!("CARGO_PKG_VERSION").into(),
            class_names: self.job.class_names.clone(),
            preprocessing: serde_json::to_value(&self.job.preprocess).unwrap_or_default(),
            hyperparameters: self.job.hyperparameters.clone(),
            metrics,
            epoch,
        };
        self.commit(metadata::FILE, &metadata.encode()?)?;
        let path = self.job.model_directory.join(name);
        self.last = Some(path.clone());
        Ok(path)
    }

    /// Like [`Store::add`], in place of the weights written before.
    ///
    /// # Errors
    /// A file that cannot be written or removed.
    pub fn replace(
        &mut self,
        network: &ResNet,
        epoch: usize,
        metrics: BTreeMap<String, f64>,
    ) -> Result<PathBuf, TrainError> {
        let old = self.last.take();
        let path = self.add(network, epoch, metrics)?;
        if let Some(old) = old.filter(|old| *old != path) {
            fs::remove_file(&old).map_err(|source| TrainError::Remove { path: old, source })?;
        }
        Ok(path)
    }

    fn commit(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        Ok(commit::write(&self.job.model_directory.join(name), |out| out.write_all(bytes))?)
    }
}

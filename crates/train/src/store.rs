//! Which weights stay on disk: of the best epoch, or of every so many.
//!
//! Whatever moment the process dies at, the folder holds a complete artifact once the first epoch is stored: new
//! weights are committed under their own name before `brazier.json` speaks of them and before old ones go.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use brazier_checkpoint::commit;
use brazier_model::metadata::{self, Metadata};
use brazier_model::{ResNet, artifact};

use crate::{Job, TrainError};

/// The artifact's folder and what is in it.
pub struct Store<'a> {
    job: &'a Job,
    last: Option<PathBuf>,
    /// Weights that an earlier run left: readers take the highest number, which may be theirs.
    stale: Vec<PathBuf>,
}

impl<'a> Store<'a> {
    /// Writes the graph and the input's shape, which do not change while training.
    ///
    /// # Errors
    /// A folder that cannot be read or a file that cannot be written.
    pub fn new(job: &'a Job) -> Result<Self, TrainError> {
        let store = Store { job, last: None, stale: weights_in(&job.model_directory)? };
        store.commit(artifact::SYMBOL_FILE, &artifact::encode_symbol(&job.layout))?;
        store.commit(artifact::SHAPES_FILE, &artifact::encode_shapes(job.batch, job.shape))?;
        Ok(store)
    }

    /// Whether the weights written last are those of 0-based `epoch`.
    pub fn ends_with(&self, epoch: usize) -> bool {
        self.last.as_ref().is_some_and(|last| last.ends_with(artifact::params_file(epoch)))
    }

    /// Whether weights of some epoch are on disk.
    pub fn has_weights(&self) -> bool {
        self.last.is_some()
    }

    /// Writes the weights after 0-based `epoch`, of a network without gradients, beside those that are there. Answers their path.
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
        self.commit(&name, &artifact::encode_params(network, &self.job.layout)?)?;
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
        for stale in self.stale.drain(..).filter(|stale| *stale != path) {
            remove(&stale)?;
        }
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
            remove(&old)?;
        }
        Ok(path)
    }

    fn commit(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        Ok(commit::write(&self.job.model_directory.join(name), |out| out.write_all(bytes))?)
    }
}

fn weights_in(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let failed = |source| TrainError::ReadFolder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "params") {
            found.push(path);
        }
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<(), TrainError> {
    fs::remove_file(path).map_err(|source| TrainError::Remove { path: path.to_owned(), source })
}

//! The tree that the platform mounts at `/opt/ml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::configuration::{self, ConfigurationError};

/// Where the platform mounts everything.
pub const DEFAULT_PREFIX: &str = "/opt/ml";

/// Paths under one prefix, `/opt/ml` unless a test or a person says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    prefix: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self::new(Path::new(DEFAULT_PREFIX))
    }
}

impl Paths {
    /// The tree under `prefix`.
    pub fn new(prefix: &Path) -> Self {
        Self { prefix: prefix.to_path_buf() }
    }

    /// The root of the tree.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// `hyperparameters.json`, a flat object of strings.
    pub fn hyperparameters(&self) -> PathBuf {
        self.prefix.join("input/config/hyperparameters.json")
    }

    /// `inputdataconfig.json`, the channels.
    pub fn input_data_config(&self) -> PathBuf {
        self.prefix.join("input/config/inputdataconfig.json")
    }

    /// `resourceconfig.json`, the hosts.
    pub fn resource_config(&self) -> PathBuf {
        self.prefix.join("input/config/resourceconfig.json")
    }

    /// `checkpointconfig.json`, there only if the job has a `CheckpointConfig`.
    pub fn checkpoint_config(&self) -> PathBuf {
        self.prefix.join("input/config/checkpointconfig.json")
    }

    /// The folder that holds the channels.
    pub fn input_data(&self) -> PathBuf {
        self.prefix.join("input/data")
    }

    /// A channel's folder; in Pipe mode `<this>_<n>` are its named pipes.
    pub fn channel(&self, name: &str) -> PathBuf {
        self.input_data().join(name)
    }

    /// What is written here becomes `model.tar.gz`.
    pub fn model(&self) -> PathBuf {
        self.prefix.join("model")
    }

    /// What is written here becomes part of `output.tar.gz`.
    pub fn output_data(&self) -> PathBuf {
        self.prefix.join("output/data")
    }

    /// The reason why a job failed, for the platform to show.
    pub fn failure(&self) -> PathBuf {
        self.prefix.join("output/failure")
    }

    /// The folder that the platform mirrors to S3 while the job runs; `None` if nothing written there would
    /// survive, because the job has no `CheckpointConfig` and the folder does not exist.
    ///
    /// `LocalPath` of `checkpointconfig.json` wins. Below `/opt/ml` it is taken relative to our prefix.
    pub fn checkpoints(&self) -> Result<Option<PathBuf>, ConfigurationError> {
        let usual = self.prefix.join("checkpoints");
        let file = self.checkpoint_config();
        let Some(object) = configuration::read(&file)? else { return Ok(usual.is_dir().then_some(usual)) };
        let local = configuration::text(&object, "LocalPath", &file, "LocalPath")?;
        Ok(Some(local.map_or(usual, |local| self.rebased(Path::new(local)))))
    }

    fn rebased(&self, path: &Path) -> PathBuf {
        path.strip_prefix(DEFAULT_PREFIX).map_or_else(|_| path.to_path_buf(), |rest| self.prefix.join(rest))
    }

    /// Makes the output folders that do not exist yet: local mode mounts some, the platform others. The error names
    /// the folder that cannot be made.
    pub fn create_outputs(&self) -> io::Result<()> {
        for folder in [self.model(), self.output_data()] {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot create {}: {error}", folder.display()))
            };
            fs::create_dir_all(&folder).map_err(named)?;
        }
        Ok(())
    }
}

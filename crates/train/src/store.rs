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
use serde::{Deserialize, Serialize};

use crate::{Job, TrainError};

/// How the names of the files begin that a run writes beside its checkpoints.
const UNFINISHED: [&str; 4] = ["image-classification-", "model-shapes.json.", "brazier.json.", "report."];

/// How the copies of weights in a checkpoint folder begin.
pub const COPY: &str = "brazier-weights-";

/// A file of the artifact's weights, of which the checkpoint folder has a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name in both folders.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its checksum.
    pub crc32: u32,
}

impl Kept {
    fn of(file: &str, bytes: &[u8]) -> Self {
        Kept { file: file.to_owned(), bytes: bytes.len() as u64, crc32: crc32fast::hash(bytes) }
    }

    /// The name of its copy. A file of the same name and other content has another.
    pub fn copy(&self) -> String {
        format!("{COPY}{:08x}-{}", self.crc32, self.file)
    }

    /// The bytes of its copy in `folder`, if they are whole.
    ///
    /// # Errors
    /// What is amiss, in words.
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, String> {
        let path = folder.join(self.copy());
        let bytes = fs::read(&path)
            .map_err(|error| format!("its weights {} cannot be read: {error}", path.display()))?;
        match Kept::of(&self.file, &bytes) == *self {
            true => Ok(bytes),
            false => {
                Err(format!("its weights {} are damaged: length or checksum is another", path.display()))
            }
        }
    }
}

/// The artifact's folder and what is in it.
pub struct Store<'a> {
    job: &'a Job,
    last: Option<PathBuf>,
    /// The weights that are there, and `brazier.json` beside them.
    kept: Vec<Kept>,
    metadata: Option<String>,
    /// Weights that an earlier run left: readers take the highest number, which may be theirs.
    stale: Vec<PathBuf>,
}

impl<'a> Store<'a> {
    /// Writes the graph and the input's shape, which do not change while training. What a killed process left unfinished goes.
    ///
    /// # Errors
    /// A folder that cannot be read or a file that cannot be written.
    pub fn new(job: &'a Job) -> Result<Self, TrainError> {
        let folders = [Some(&job.model_directory), job.report_directory.as_ref()];
        for folder in folders.into_iter().flatten() {
            let failed = |source| TrainError::ReadFolder { path: folder.clone(), source };
            commit::clean(folder, &UNFINISHED).map_err(failed)?;
        }
        let store = Store {
            job,
            last: None,
            kept: Vec::new(),
            metadata: None,
            stale: weights_in(&job.model_directory)?,
        };
        store.commit(artifact::SYMBOL_FILE, &artifact::encode_symbol(&job.layout))?;
        store.commit(artifact::SHAPES_FILE, &artifact::encode_shapes(job.batch, job.shape))?;
        Ok(store)
    }

    /// Whether the weights written last are those of 0-based `epoch`.
    pub fn ends_with(&self, epoch: usize) -> bool {
        self.last.as_ref().is_some_and(|last| last.ends_with(artifact::params_file(epoch)))
    }

    /// The weights written last.
    pub fn weights(&self) -> Option<&Path> {
        self.last.as_deref()
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
        let bytes = artifact::encode_params(network, &self.job.layout)?;
        self.commit(&name, &bytes)?;
        if let Some(checkpoints) = &self.job.checkpoints {
            let kept = Kept::of(&name, &bytes);
            commit::write(&checkpoints.folder.join(kept.copy()), |out| out.write_all(&bytes))?;
            self.kept.retain(|kept| kept.file != name);
            self.kept.push(kept);
        }
        drop(bytes);
        let metadata = Metadata {
            schema: metadata::SCHEMA,
            brazier_version: env!("CARGO_PKG_VERSION").into(),
            class_names: self.job.class_names.clone(),
            preprocessing: serde_json::to_value(&self.job.preprocess).unwrap_or_default(),
            hyperparameters: self.job.hyperparameters.clone(),
            metrics,
            epoch,
        };
        let text = metadata.encode()?;
        self.commit(metadata::FILE, &text)?;
        self.metadata = String::from_utf8(text).ok();
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
            self.kept.retain(|kept| !old.ends_with(&kept.file));
        }
        Ok(path)
    }

    /// The weights that are there and the `brazier.json` beside them, for a checkpoint.
    pub fn kept(&self) -> (&[Kept], Option<&str>) {
        (&self.kept, self.metadata.as_deref())
    }

    /// Brings the artifact back that a checkpoint tells of, from the copies in its folder: the model's folder of a new machine is empty.
    ///
    /// # Errors
    /// A copy that is not there or damaged, which finding the checkpoint has ruled out; a file that cannot be written.
    pub fn resume(&mut self, kept: &[Kept], metadata: Option<&str>, folder: &Path) -> Result<(), TrainError> {
        for one in kept {
            let bytes = one.read(folder).map_err(|reason| TrainError::Checkpoint { reason })?;
            self.commit(&one.file, &bytes)?;
            // The next checkpoints may lie in another folder.
            let copies = self.job.checkpoints.as_ref().map(|checkpoints| checkpoints.folder.join(one.copy()));
            if let Some(copy) = copies.filter(|copy| !copy.exists()) {
                commit::write(&copy, |out| out.write_all(&bytes))?;
            }
            self.last = Some(self.job.model_directory.join(&one.file));
        }
        if let Some(metadata) = metadata {
            self.commit(metadata::FILE, metadata.as_bytes())?;
        }
        (self.kept, self.metadata) = (kept.to_vec(), metadata.map(str::to_owned));
        if self.last.is_some() {
            let is_kept = |stale: &PathBuf| kept.iter().any(|kept| stale.ends_with(&kept.file));
            self.stale.retain(|stale| !is_kept(stale));
            self.stale.drain(..).try_for_each(|stale| remove(&stale))?;
        }
        Ok(())
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

//! The checkpoints of a run in a folder: which is the newest whole one, and which may go.
//!
//! The platform copies each file of the folder to S3 as it appears, and each deletion. A file in transfer has a sibling
//! `NAME.sagemaker-uploading`, and afterwards `NAME.sagemaker-uploaded`; a file that is deleted in between is uploaded for nothing, so
//! that AWS's own containers wait. Source: `checkpointing.py` of SageMaker's XGBoost container.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commit::{self, CommitError, TEMPORARY_SUFFIX};
use crate::state::{self, Section, StateError};

/// How the names of checkpoints begin and end; between stands the number of the update, in twelve digits.
const PREFIX: &str = "brazier-";
const SUFFIX: &str = ".checkpoint";

const UPLOADING: &str = ".sagemaker-uploading";
const UPLOADED: &str = ".sagemaker-uploaded";

/// A folder that checkpoints are kept in.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {action}: {source}", path.display())]
pub struct FolderError {
    /// The folder, or a file in it.
    pub path: PathBuf,
    /// What was being done.
    pub action: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// The newest whole checkpoint of a folder, and what was passed over to find it.
#[derive(Debug)]
pub struct Newest<S> {
    /// Its file, what is small in it, and its sections.
    pub found: Option<(PathBuf, S, std::collections::BTreeMap<String, Vec<u8>>)>,
    /// Newer files that are no whole checkpoints, newest first.
    pub passed_over: Vec<StateError>,
}

impl Folder {
    /// Makes the folder if it is not there, and sees that files can be written: what cannot be saved should be known before an hour
    /// of training. Files that a process left unfinished are taken away.
    ///
    /// # Errors
    /// A folder that cannot be made, read or written.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |action, source| FolderError { path: path.to_owned(), action, source };
        fs::create_dir_all(path).map_err(|source| failed("cannot make the checkpoint folder", source))?;
        commit::clean(path, &[PREFIX])
            .map_err(|source| failed("cannot clean the checkpoint folder", source))?;
        let probe = path.join(format!("{PREFIX}probe{TEMPORARY_SUFFIX}"));
        fs::write(&probe, b"")
            .and_then(|()| match fs::remove_file(&probe) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .map_err(|source| failed("cannot write to the checkpoint folder", source))?;
        Ok(Folder { path: path.to_owned() })
    }

    /// Whether there is a checkpoint in the folder at `path`, which need not exist.
    pub fn holds_checkpoints(path: &Path) -> bool {
        let folder = Folder { path: path.to_owned() };
        folder.updates().is_ok_and(|updates| !updates.is_empty())
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the checkpoint of 1-based `update`. Answers its path.
    ///
    /// # Errors
    /// A file that cannot be written; those before it are as they were.
    pub fn commit<S: Serialize>(
        &self,
        update: u64,
        state: &S,
        sections: impl IntoIterator<Item = impl Section>,
    ) -> Result<PathBuf, CommitError> {
        let path = self.path_of(update);
        state::write(&path, state, sections)?;
        Ok(path)
    }

    /// Where the checkpoint of `update` is written.
    pub fn path_of(&self, update: u64) -> PathBuf {
        self.path.join(name(update))
    }

    /// The newest checkpoint that is whole and that `accepts` takes, which names in words what is amiss with others.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn newest<S: DeserializeOwned>(
        &self,
        accepts: impl Fn(&S) -> Result<(), String>,
    ) -> Result<Newest<S>, FolderError> {
        let mut passed_over = Vec::new();
        for update in self.updates()?.into_iter().rev() {
            let path = self.path.join(name(update));
            let read = state::read::<S>(&path).and_then(|(state, sections)| match accepts(&state) {
                Ok(()) => Ok((state, sections)),
                Err(reason) => Err(StateError::Damaged { path: path.clone(), reason }),
            });
            match read {
                Ok((state, sections)) => {
                    return Ok(Newest { found: Some((path, state, sections)), passed_over });
                }
                Err(error) => passed_over.push(error),
            }
        }
        Ok(Newest { found: None, passed_over })
    }

    /// Takes away all checkpoints but those in `keep`: also newer ones, which are damaged or of a run that is given up. What the platform
    /// is uploading stays until the next time, unless this is the `last`.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn retain(&self, keep: &[PathBuf], last: bool) -> Result<(), FolderError> {
        for update in self.updates()? {
            let name = name(update);
            let is_kept = keep.iter().any(|path| *path == self.path.join(&name));
            if !is_kept && (last || !self.is_uploading(&name)) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Takes away the files whose names begin with `prefix` and that `keep` does not name, but for those that the platform is uploading.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn sweep(&self, prefix: &str, keep: &BTreeSet<String>) -> Result<(), FolderError> {
        let is_old = |name: &&String| {
            let is_sign = [UPLOADING, UPLOADED, TEMPORARY_SUFFIX].iter().any(|suffix| name.ends_with(suffix));
            name.starts_with(prefix) && !is_sign && !keep.contains(*name) && !self.is_uploading(name)
        };
        self.names()?.iter().filter(is_old).try_for_each(|name| self.remove(name))
    }

    fn is_uploading(&self, name: &str) -> bool {
        let has = |suffix: &str| self.path.join(format!("{name}{suffix}")).exists();
        has(UPLOADING) && !has(UPLOADED)
    }

    /// The updates of which there are checkpoints.
    fn updates(&self) -> Result<BTreeSet<u64>, FolderError> {
        let number = |file: String| -> Option<u64> {
            let update = file.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()?;
            (name(update) == file).then_some(update)
        };
        Ok(self.names()?.into_iter().filter_map(number).collect())
    }

    fn names(&self) -> Result<Vec<String>, FolderError> {
        let failed = |source| FolderError {
            path: self.path.clone(),
            action: "cannot list the checkpoint folder",
            source,
        };
        let entries = fs::read_dir(&self.path).map_err(failed)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<_>>().map_err(failed)
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FolderError { path, action: "cannot remove an old checkpoint", source })
            }
            _ => Ok(()),
        }
    }
}

fn name(update: u64) -> String {
    format!("{PREFIX}{update:012}{SUFFIX}")
}

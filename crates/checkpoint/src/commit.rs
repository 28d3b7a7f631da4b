//! Writing a file so that no reader ever sees half of it.
//!
//! Temporary name in the same folder, fsync, rename, fsync of the folder. The platform copies files out of the
//! checkpoint folder at any moment, so the temporary name ends in `.sagemaker-ignore`, which it skips.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;
use thiserror::Error;

/// End of the names of files that are not finished.
pub const TEMPORARY_SUFFIX: &str = ".sagemaker-ignore";

/// A file that was not written. The file of that name from before, if any, is as it was, unless the step is
/// [`Step::SyncFolder`].
#[derive(Debug, Error)]
#[error("{}: {step}: {source}", path.display())]
pub struct CommitError {
    /// The file.
    pub path: PathBuf,
    /// What was being done.
    pub step: Step,
    /// What the system said.
    pub source: io::Error,
}

/// The steps of a commit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making the temporary file.
    Create,
    /// Writing its content.
    Write,
    /// Bringing the content to the disk.
    Sync,
    /// Giving it its name.
    Rename,
    /// Bringing the name to the disk.
    SyncFolder,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "cannot create a temporary file beside it",
            Self::Write => "cannot write its content",
            Self::Sync => "cannot bring its content to the disk",
            Self::Rename => "cannot give the temporary file its name",
            Self::SyncFolder => "cannot bring its folder to the disk",
        })
    }
}

/// Puts what `content` writes at `path`, in place of any file there. When it returns `Ok`, the file survives a
/// power cut; when it returns an error, no temporary file is left.
pub fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommitError> {
    let failed = |step| move |source| CommitError { path: path.to_path_buf(), step, source };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Dropped on every early return, and removed with it.
    let temporary = temporary(path, folder).map_err(failed(Step::Create))?;
    let mut writer = BufWriter::new(temporary.as_file());
    content(&mut writer).and_then(|()| writer.flush()).map_err(failed(Step::Write))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(failed(Step::Sync))?;
    temporary.persist(path).map_err(|error| failed(Step::Rename)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(Step::SyncFolder))
}

/// Takes away what processes that were killed left unfinished in `folder`, of files whose names begin with one of `prefixes`. A folder that
/// is not there holds nothing.
///
/// # Errors
/// A folder that cannot be listed, or a file that cannot be removed.
pub fn clean(folder: &Path, prefixes: &[&str]) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(TEMPORARY_SUFFIX) && prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            match fs::remove_file(entry.path()) {
                // Another process of the same kind was quicker.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn temporary(path: &Path, folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file name"))?;
    let mut prefix = name.to_os_string();
    prefix.push(".");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
    // The usual mode: the crate's own, 0600, would hide a model from a server that is not root.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

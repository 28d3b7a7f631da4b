//! A model's files: from a folder, a `.tar` or a `.tar.gz`, told apart by content, and back into a `.tar.gz`.
//!
//! The platform unpacks a model before it starts a server, but hands it over packed to an incremental training
//! job. Both look the same from here: names and bytes. Archives come from strangers, so everything is checked
//! while it is decompressed, and nothing is ever written to disk under a name from inside one.

mod error;
mod folder;
mod limits;
mod pack;
mod tar;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub use error::{ArchiveError, Refusal};
pub use limits::Limits;
pub use pack::{pack, pack_folder};

/// Content by name, in order of name. Names are flat: no folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The files of the folder or archive at `path`. Folders inside it are passed over.
pub fn open(path: &Path, limits: &Limits) -> Result<Files, ArchiveError> {
    select(path, limits, |_| true)
}

/// As [`open`], but keeps in memory only the files whose name is `wanted`.
///
/// A folder may hold more than the model: in local mode the packed archives lie beside its files.
pub fn select(path: &Path, limits: &Limits, wanted: impl Fn(&str) -> bool) -> Result<Files, ArchiveError> {
    if path.is_dir() {
        return folder::read(path, limits, &wanted);
    }
    let archive = File::open(path).map(BufReader::new).map_err(ArchiveError::read(path))?;
    unpack(archive, path, limits, wanted)
}

/// The files of the archive that `stream` gives; `path` is named in errors.
///
/// # Errors
/// As with [`select`].
pub fn unpack(
    stream: impl BufRead,
    path: &Path,
    limits: &Limits,
    wanted: impl Fn(&str) -> bool,
) -> Result<Files, ArchiveError> {
    tar::read(stream, path, limits, &wanted)
}

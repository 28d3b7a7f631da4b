//! The entries of a directory that count.

use std::path::Path;

use crate::DataError;

/// What an entry is, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File { bytes: u64 },
    Other,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub name: String,
    pub kind: Kind,
    /// Whether the entry itself is a symbolic link.
    pub link: bool,
}

impl Entry {
    /// The extension in lower case, empty if there is none.
    pub(crate) fn extension(&self) -> String {
        Path::new(&self.name)
            .extension()
            .map(|text| text.to_string_lossy().to_lowercase())
            .unwrap_or_default()
    }
}

/// The entries of `directory` in byte order of their names, so that no result depends on the file system. Hidden ones
/// (`.DS_Store`, `.ipynb_checkpoints`), names that are not UTF-8 and dangling links are left out.
pub(crate) fn visible_entries(directory: &Path) -> Result<Vec<Entry>, DataError> {
    let failed = |source| DataError::Io { path: directory.to_owned(), source };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let link = entry.file_type().map_err(failed)?.is_symlink();
        let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_file() => Kind::File { bytes: metadata.len() },
            _ => Kind::Other,
        };
        entries.push(Entry { name, kind, link });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

//! The images of a folder, in the original's order (Python's `os.walk` with folders and files sorted).

use std::fs;
use std::path::{Path, PathBuf};

use super::Im2recError;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Path relative to the root, with slashes, and class number.
    pub(super) images: Vec<(String, usize)>,
    /// Folders that hold images themselves, in the order of their class numbers; the root is `.`.
    pub(super) classes: Vec<String>,
}

/// The images below `root`: a folder's own before those of its subfolders, links followed, in byte order. Every
/// folder that holds an image itself is a class of its own. Without `recursive` only the root's, all of class 0.
pub(super) fn walk(root: &Path, recursive: bool, extensions: &[String]) -> Result<Found, Im2recError> {
    let mut walk = Walk { extensions, recursive, above: Vec::new(), found: Found::default() };
    walk.folder(root, "")?;
    if !recursive {
        walk.found.classes.clear();
    }
    Ok(walk.found)
}

struct Walk<'a> {
    extensions: &'a [String],
    recursive: bool,
    /// The folders on the way down, without links: a link to one of them would go round in circles.
    above: Vec<PathBuf>,
    found: Found,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, relative: &str) -> Result<(), Im2recError> {
        let canonical = folder.canonicalize().map_err(Im2recError::read(folder))?;
        if self.above.contains(&canonical) {
            return Ok(());
        }
        let (files, folders) = self.entries(folder)?;
        let class = self.found.classes.len();
        if !files.is_empty() {
            self.found.classes.push(if relative.is_empty() { ".".into() } else { relative.into() });
        }
        self.found.images.extend(files.iter().map(|name| (join(relative, name), class)));
        if self.recursive {
            self.above.push(canonical);
            for name in folders {
                self.folder(&folder.join(&name), &join(relative, &name))?;
            }
            self.above.pop();
        }
        Ok(())
    }

    /// The images and the subfolders of a folder, each in byte order. Dangling links are neither.
    fn entries(&self, folder: &Path) -> Result<(Vec<String>, Vec<String>), Im2recError> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder).map_err(Im2recError::read(folder))? {
            let entry = entry.map_err(Im2recError::read(folder))?;
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let list = if metadata.is_dir() && self.recursive {
                &mut folders
            } else if metadata.is_file() && self.accepts(&name.to_string_lossy()) {
                &mut files
            } else {
                continue;
            };
            list.push(name.into_string().map_err(|_| Im2recError::Name { path })?);
        }
        files.sort_unstable();
        folders.sort_unstable();
        Ok((files, folders))
    }

    /// By the ending after the last dot; dots at the beginning of a name begin no ending (Python's `splitext`).
    fn accepts(&self, name: &str) -> bool {
        let Some((_, ending)) = name.trim_start_matches('.').rsplit_once('.') else { return false };
        self.extensions.iter().any(|wanted| wanted.trim_start_matches('.').eq_ignore_ascii_case(ending))
    }
}

fn join(relative: &str, name: &str) -> String {
    if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") }
}

//! A model's files among whatever lies beside them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use brazier_checkpoint::archive::{ArchiveError, Files, Limits, select};
use brazier_model::artifact::Artifact;
use brazier_model::{artifact, metadata};

use crate::LoadError;

/// The packed model. In local mode it lies beside its own files.
const PACKED: &str = "model.tar.gz";

const PACKED_ENDING: &str = ".tar.gz";

const PARAMS: &str = ".params";
const SYMBOL: &str = "-symbol.json";

/// Reads the model at `path`, a folder or a `model.tar.gz`, ours or the built-in algorithm's.
///
/// # Errors
/// A path that cannot be read, a file that is missing, or one that is not what its name says.
pub fn open(path: &Path) -> Result<Artifact, LoadError> {
    let refused = |source| LoadError::Model { path: path.to_owned(), source };
    Artifact::read(&files(path).map_err(LoadError::Archive)?).map_err(refused)
}

/// Bytes on disk of the model at `path`, as far as they are known without reading it; what cannot be read counts
/// nothing and fails when it is read.
pub(crate) fn stored_bytes(path: &Path) -> u64 {
    if !path.is_dir() {
        return path.metadata().map_or(0, |metadata| metadata.len());
    }
    let names: Vec<String> = path
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let weights = artifact::newest_params(names.iter().map(String::as_str));
    weights.and_then(|name| path.join(name).metadata().ok()).map_or(0, |metadata| metadata.len())
}

/// The files that make the model at `path`, a folder or an archive: the weights with the highest number, the graph,
/// the input's shape and `brazier.json`, as far as they are there. A folder with none of them but a `model.tar.gz`,
/// or one archive of another name, is opened through that.
///
/// Names come first and content second: training may have kept the weights of every epoch.
fn files(path: &Path) -> Result<Files, ArchiveError> {
    let limits = Limits::default();
    let names = RefCell::new(BTreeSet::new());
    select(path, &limits, |name| {
        names.borrow_mut().insert(name.to_owned());
        false
    })?;
    let names = names.into_inner();
    let newest = artifact::newest_params(names.iter().map(String::as_str));
    let wanted = |name: &str| match name.ends_with(PARAMS) {
        true => newest == Some(name),
        false => name.ends_with(SYMBOL) || name == artifact::SHAPES_FILE || name == metadata::FILE,
    };
    let packed: Vec<&String> = names.iter().filter(|name| name.ends_with(PACKED_ENDING)).collect();
    let only = match packed[..] {
        [only] => Some(only.as_str()),
        _ => Some(PACKED).filter(|name| names.contains(*name)),
    };
    if let Some(name) = only.filter(|_| path.is_dir() && !names.iter().any(|name| wanted(name))) {
        return files(&path.join(name));
    }
    select(path, &limits, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn only_the_newest_weights_are_read_and_strangers_are_left() {
        let folder = folder(&[
            ("image-classification-0002.params", "two"),
            ("image-classification-9999.params", "many"),
            ("image-classification-10000.params", "most"),
            ("image-classification-symbol.json", "graph"),
            ("model-shapes.json", "shapes"),
            ("brazier.json", "own"),
            ("model.tar.gz", "packed"),
            ("output.tar.gz", "packed"),
            ("notes.json", "stranger"),
        ]);
        let files = files(folder.path()).unwrap();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "brazier.json",
                "image-classification-10000.params",
                "image-classification-symbol.json",
                "model-shapes.json"
            ]
        );
    }

    #[test]
    fn a_packed_model_is_opened_only_where_nothing_is_unpacked() {
        let packed = folder(&[("output.tar.gz", "x")]);
        let inside = Files::from([("model-shapes.json".to_owned(), b"inside".to_vec())]);
        brazier_checkpoint::archive::pack(&inside, &packed.path().join(PACKED)).unwrap();
        assert_eq!(files(packed.path()).unwrap(), inside);
        std::fs::write(packed.path().join("model-shapes.json"), "outside").unwrap();
        assert_eq!(files(packed.path()).unwrap()["model-shapes.json"], b"outside");
    }
}

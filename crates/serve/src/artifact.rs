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
    Artifact::read(files(path).map_err(LoadError::Archive)?).map_err(refused)
}

/// Bytes on disk of the model at `path`, as far as they are known without reading it; what cannot be read counts
/// nothing and fails when it is read.
pub(crate) fn stored_bytes(path: &Path) -> u64 {
    if !path.is_dir() {
        return path.metadata().map_or(0, |metadata| metadata.len());
    }
    let names: BTreeSet<String> = path
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    weights(&names).and_then(|name| path.join(name).metadata().ok()).map_or(0, |metadata| metadata.len())
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
    let (newest, prefix) = (weights(&names), prefix(&names));
    let wanted = |name: &str| match (name.ends_with(PARAMS), name.strip_suffix(SYMBOL)) {
        (true, _) => newest == Some(name),
        (_, Some(found)) => prefix.is_none_or(|prefix| prefix == found),
        _ => name == artifact::SHAPES_FILE || name == metadata::FILE,
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

/// The newest weights among `names`: the model's, where it can be told from strangers.
fn weights(names: &BTreeSet<String>) -> Option<&str> {
    let prefix = prefix(names);
    let own = |name: &&str| prefix.is_none_or(|prefix| is_weights_of(prefix, name));
    artifact::newest_params(names.iter().map(String::as_str).filter(own))
}

/// What the names of the model's graph and weights begin with, if one such beginning has both, or the usual one has.
fn prefix(names: &BTreeSet<String>) -> Option<&str> {
    let graphs = names.iter().filter_map(|name| name.strip_suffix(SYMBOL));
    let whole = graphs.filter(|prefix| names.iter().any(|name| is_weights_of(prefix, name)));
    let whole: Vec<&str> = whole.collect();
    let usual = whole.iter().find(|prefix| artifact::SYMBOL_FILE.strip_suffix(SYMBOL) == Some(prefix));
    usual.or(if let [only] = &whole[..] { Some(only) } else { None }).copied()
}

/// Whether `name` is `prefix-NNNN.params`.
fn is_weights_of(prefix: &str, name: &str) -> bool {
    let rest = name.strip_suffix(PARAMS).and_then(|name| name.strip_prefix(prefix)?.strip_prefix('-'));
    rest.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
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
            ("backup-99999.params", "stranger"),
            ("other-symbol.json", "stranger"),
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
    fn a_model_of_another_name_is_known_by_having_both_files() {
        let chosen = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            (prefix(&names).map(str::to_owned), weights(&names).map(str::to_owned))
        };
        let told = |prefix: &str, weights: &str| (Some(prefix.to_owned()), Some(weights.to_owned()));
        let mine = ["mine-symbol.json", "mine-0003.params"];
        assert_eq!(chosen(&mine), told("mine", "mine-0003.params"));
        let among = [&mine[..], &["other-symbol.json", "mine-b-0009.params", "x.params"]].concat();
        assert_eq!(chosen(&among), told("mine", "mine-0003.params"));
        let two = [&mine[..], &["other-symbol.json", "other-0009.params"]].concat();
        assert_eq!(chosen(&two), (None, Some("other-0009.params".into())), "reading it says what is wrong");
        assert_eq!(chosen(&["a-0001.params"]), (None, Some("a-0001.params".into())));
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

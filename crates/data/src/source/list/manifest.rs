//! The lines of an augmented manifest that lies in a channel as a plain file.
//!
//! JSON lines such as `{"source-ref": "s3://bucket/cats/1.jpg", "class": "0"}` (SageMaker developer guide, "Provide
//! dataset metadata with an augmented manifest file"). The platform fetches the images only in Pipe mode; in File mode
//! they have to lie in the channel too, and are found by the end of their address.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::{Lines, read_list, stays_inside};
use crate::labels::text;
use crate::{DataError, Origin};

/// Whether a file that begins with `first` is a manifest: its first line is an object with an attribute that ends
/// in `-ref`.
pub(crate) fn is_manifest(first: &[u8]) -> bool {
    let line = first.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Map<String, Value>>(line).is_ok_and(|object| reference(&object).is_some())
}

/// Appends the images that the manifest at `path` names, and notes the class names of its metadata.
pub(super) fn read(path: &Path, lines: &mut Lines, names: &mut ClassNames) -> Result<(), DataError> {
    let Some((list, bytes)) = read_list(path, lines)? else { return Ok(()) };
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match entry(line) {
            Err(reason) => {
                lines.reject(DataError::Manifest { file: list.to_string(), line: number, reason })?;
            }
            Ok(entry) => match local(&entry.address, lines.directory) {
                Some(path) => {
                    names.note(&entry);
                    lines.add(&list, number, entry.labels, path)?;
                }
                None => {
                    let origin =
                        Origin::Listed { path: entry.address.into(), list: list.clone(), line: number };
                    let directory = lines.directory.to_owned();
                    lines.reject(DataError::MissingImage { origin, directory })?;
                }
            },
        }
    }
    Ok(())
}

/// What a line says.
struct Entry {
    address: String,
    labels: Vec<f32>,
    /// About the label: its class name, say.
    metadata: Option<Value>,
}

fn entry(line: &[u8]) -> Result<Entry, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| format!("not a JSON object: {error}"))?;
    let address =
        reference(&object).ok_or("no attribute whose name ends in '-ref' names an image")?.to_owned();
    let attribute = label_attribute(&object)?.to_owned();
    let value = object.get(&attribute).unwrap_or(&Value::Null);
    let labels = text::labels(value).ok_or_else(|| {
        format!(
            "attribute '{attribute}' is {value}, expected a number such as 3, or a list such as [1, 0, 1]"
        )
    })?;
    let metadata = object.get(&format!("{attribute}-metadata")).cloned();
    Ok(Entry { address, labels, metadata })
}

/// The image's address: the attribute `source-ref`, or else the first whose name ends in `-ref`.
fn reference(object: &Map<String, Value>) -> Option<&str> {
    let of = |name: &str| object.get(name).and_then(Value::as_str);
    of("source-ref").or_else(|| object.keys().find(|name| name.ends_with("-ref")).and_then(|name| of(name)))
}

/// The attribute that holds the label. In a pipe the job's `AttributeNames` say which; a file does not.
fn label_attribute(object: &Map<String, Value>) -> Result<&str, String> {
    let is_label = |name: &str| !name.ends_with("-ref") && !name.ends_with("-metadata") && name != "source";
    let candidates: Vec<&str> = object.keys().map(String::as_str).filter(|name| is_label(name)).collect();
    let with_metadata = |name: &&&str| object.contains_key(&format!("{name}-metadata"));
    let described: Vec<&&str> = candidates.iter().filter(with_metadata).collect();
    match (candidates.as_slice(), described.as_slice()) {
        ([one], _) => Ok(one),
        (_, [one]) => Ok(one),
        ([], _) => Err("no attribute holds a label".to_owned()),
        (several, _) => {
            Err(format!("several attributes may hold the label ({}), expected one", several.join(", ")))
        }
    }
}

/// The path, relative to `directory`, of the image at `address`: the longest end of the address that is a file there.
fn local(address: &str, directory: &Path) -> Option<String> {
    let path = address.strip_prefix("s3://").unwrap_or(address);
    let mut end = path.trim_start_matches('/');
    loop {
        if stays_inside(end) && directory.join(end).is_file() {
            return Some(end.to_owned());
        }
        end = end.split_once('/')?.1;
    }
}

/// Class names gathered from the metadata of labelling jobs: `class-name` beside a class number, or a `class-map`.
#[derive(Debug, Default)]
pub(super) struct ClassNames {
    names: BTreeMap<usize, String>,
    contradict: bool,
}

impl ClassNames {
    fn note(&mut self, entry: &Entry) {
        let Some(metadata) = &entry.metadata else { return };
        if let (&[label], Some(name)) = (&*entry.labels, metadata.get("class-name").and_then(Value::as_str))
            && label >= 0.0
            && label.fract() == 0.0
        {
            self.add(label as usize, name);
        }
        for (number, name) in metadata.get("class-map").and_then(Value::as_object).into_iter().flatten() {
            if let (Ok(number), Some(name)) = (number.parse(), name.as_str()) {
                self.add(number, name);
            }
        }
    }

    fn add(&mut self, class: usize, name: &str) {
        let known = self.names.entry(class).or_insert_with(|| name.to_owned());
        self.contradict |= known != name;
    }

    /// The names by class number, if none is missing and none has two.
    pub(super) fn in_order(self) -> Option<Vec<String>> {
        let no_gap = self.names.keys().copied().eq(0..self.names.len());
        (no_gap && !self.contradict && !self.names.is_empty()).then(|| self.names.into_values().collect())
    }
}

//! The named inputs of a job, from `inputdataconfig.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::configuration::{self, ConfigurationError};
use crate::paths::Paths;

/// One input of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Name; a channel called `training` is `train`.
    pub name: String,
    /// What the user said it holds; absent if nothing was said.
    pub content_type: Option<ContentType>,
    /// How the platform brings the data.
    pub input_mode: InputMode,
    /// Whether every host sees all of it.
    pub distribution: Distribution,
    /// Whether the platform wraps objects; only means something in Pipe mode.
    pub record_wrapper: RecordWrapper,
    /// The folder, or in Pipe mode what `_0`, `_1`, ... is appended to.
    pub path: PathBuf,
}

/// A media type and its parameters, such as `application/x-image; label-format=class-id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// In lower case.
    pub media_type: String,
    /// Names in lower case; values without quotes.
    pub parameters: BTreeMap<String, String>,
}

/// How the platform brings a channel's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputMode {
    /// Files, all there before the job starts.
    File,
    /// Files, fetched when they are read.
    FastFile,
    /// A named pipe for each epoch.
    Pipe,
}

/// Which part of a channel a host gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// All of it.
    FullyReplicated,
    /// About one in `world` of the objects, maybe none.
    ShardedByS3Key,
}

/// What the platform puts around each object in Pipe mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordWrapper {
    /// Nothing: objects run together.
    None,
    /// One RecordIO record.
    RecordIo,
}

impl ContentType {
    /// Takes free text apart; it never fails because the platform lets users write anything.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_string()))
        };
        Self { media_type, parameters: parts.filter_map(parameter).collect() }
    }
}

/// The job's channels, sorted by name.
///
/// Without `inputdataconfig.json`, as when the image is run by hand, they are the folders under `input/data`.
pub fn read(paths: &Paths) -> Result<Vec<Channel>, ConfigurationError> {
    let file = paths.input_data_config();
    let mut channels = match configuration::read(&file)? {
        Some(object) => declared(&object, paths, &file)?,
        None => found(paths)?,
    };
    rename_training(&mut channels);
    channels.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(channels)
}

/// The channel called `name`.
pub fn find<'a>(channels: &'a [Channel], name: &str) -> Option<&'a Channel> {
    channels.iter().find(|channel| channel.name == name)
}

/// The SDK calls a single unnamed input `training`.
fn rename_training(channels: &mut [Channel]) {
    if find(channels, "train").is_none()
        && let Some(channel) = channels.iter_mut().find(|channel| channel.name == "training")
    {
        channel.name = "train".to_string();
    }
}

fn declared(
    object: &Map<String, Value>,
    paths: &Paths,
    file: &Path,
) -> Result<Vec<Channel>, ConfigurationError> {
    object.iter().map(|(name, value)| channel(name, value, paths, file)).collect()
}

fn channel(name: &str, value: &Value, paths: &Paths, file: &Path) -> Result<Channel, ConfigurationError> {
    if !valid_name(name) {
        let expected = "a channel name of 1 to 64 letters, digits, '.', '-' and '_'";
        return Err(configuration::wrong(file, "top level", &Value::from(name), expected));
    }
    let empty = Map::new();
    let object = match value {
        Value::Object(object) => object,
        Value::Null => &empty,
        other => return Err(configuration::wrong(file, name, other, "an object")),
    };
    let text = |key: &str| configuration::text(object, key, file, &format!("{name}.{key}"));
    let wrong = |key: &str, found: &str, expected| {
        configuration::wrong(file, &format!("{name}.{key}"), &Value::from(found), expected)
    };
    let input_mode = match text("TrainingInputMode")? {
        None | Some("File") => InputMode::File,
        Some("FastFile") => InputMode::FastFile,
        Some("Pipe") => InputMode::Pipe,
        Some(other) => return Err(wrong("TrainingInputMode", other, "File, FastFile or Pipe")),
    };
    let distribution = match text("S3DistributionType")? {
        None | Some("FullyReplicated") => Distribution::FullyReplicated,
        Some("ShardedByS3Key") => Distribution::ShardedByS3Key,
        Some(other) => return Err(wrong("S3DistributionType", other, "FullyReplicated or ShardedByS3Key")),
    };
    let record_wrapper = match text("RecordWrapperType")? {
        None | Some("None") => RecordWrapper::None,
        Some("RecordIO") => RecordWrapper::RecordIo,
        Some(other) => return Err(wrong("RecordWrapperType", other, "None or RecordIO")),
    };
    let content_type = text("ContentType")?.map(ContentType::parse);
    let path = paths.channel(name);
    Ok(Channel { name: name.to_string(), content_type, input_mode, distribution, record_wrapper, path })
}

/// The platform's rule, less the two names that are not folders of their own.
fn valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(allowed) && name != "." && name != ".."
}

fn found(paths: &Paths) -> Result<Vec<Channel>, ConfigurationError> {
    let folder = paths.input_data();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ConfigurationError::Read { path: folder, source }),
    };
    let mut channels = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| ConfigurationError::Read { path: folder.clone(), source })?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if valid_name(&name) && !name.starts_with('.') && entry.path().is_dir() {
            channels.push(channel(&name, &Value::Null, paths, &paths.input_data_config())?);
        }
    }
    Ok(channels)
}

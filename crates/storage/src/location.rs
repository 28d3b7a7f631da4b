//! A place that the user names on the command line.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Longest key in S3, in bytes.
const LONGEST_KEY: usize = 1024;

/// A file or folder, here or in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On this machine.
    Local(PathBuf),
    /// In S3.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Key or prefix, without the slash after the bucket; empty for the whole bucket.
        key: String,
    },
}

/// Why text is not a location, or why a location cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LocationError {
    /// Nothing was given.
    #[error("a location is empty, expected a path or s3://bucket/prefix")]
    Empty,
    /// A scheme that is neither `s3` nor `file`.
    #[error("'{location}': {scheme}:// is not supported, expected a path or s3://bucket/prefix")]
    Scheme {
        /// What was given.
        location: String,
        /// Its scheme.
        scheme: String,
    },
    /// A `file://` that does not name an absolute path on this machine.
    #[error("'{location}': expected file:// and an absolute path, such as file:///data")]
    File {
        /// What was given.
        location: String,
    },
    /// A name that no bucket can have.
    #[error("'{location}': '{bucket}' is not a bucket name, expected {expected}")]
    Bucket {
        /// What was given.
        location: String,
        /// The bucket.
        bucket: String,
        /// The rule it breaks.
        expected: &'static str,
    },
    /// A key that no object can have.
    #[error("'{location}': the key has {length} bytes, the limit is 1024")]
    Key {
        /// What was given.
        location: String,
        /// Length of the key in bytes.
        length: usize,
    },
    /// A location in S3 where a local one is needed.
    #[error(
        "'{location}': s3:// is not read or written here; copy it with \
         `aws s3 cp --recursive {location} DIRECTORY` and give the directory instead"
    )]
    NotLocal {
        /// The location.
        location: String,
    },
}

impl Location {
    /// Reads a path, `file://` and an absolute path, or `s3://bucket/key`.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let location = text.to_string();
        match split_scheme(text) {
            None => Ok(Self::Local(PathBuf::from(text))),
            Some(("s3", rest)) => parse_s3(text, rest),
            Some(("file", rest)) if rest.starts_with('/') => Ok(Self::Local(PathBuf::from(rest))),
            Some(("file", _)) => Err(LocationError::File { location }),
            Some((scheme, _)) => Err(LocationError::Scheme { location, scheme: scheme.to_string() }),
        }
    }

    /// The place called `name` inside this one. A slash at the start of `name` does not lead out of it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let name = name.trim_start_matches('/');
        match self {
            Self::Local(path) => Self::Local(path.join(name)),
            Self::S3 { bucket, key } => {
                let slash = if key.is_empty() || key.ends_with('/') { "" } else { "/" };
                Self::S3 { bucket: bucket.clone(), key: format!("{key}{slash}{name}") }
            }
        }
    }

    /// The path, or an error that says how to copy the data here.
    pub fn as_local(&self) -> Result<&Path, LocationError> {
        match self {
            Self::Local(path) => Ok(path),
            Self::S3 { .. } => Err(LocationError::NotLocal { location: self.to_string() }),
        }
    }
}

/// Writes what [`Location::parse`] reads.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, key } if key.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// The scheme (RFC 3986, lower case) and what follows `://`.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let first = scheme.starts_with(|c: char| c.is_ascii_lowercase());
    let others = scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    (first && others).then_some((scheme, rest))
}

fn parse_s3(text: &str, rest: &str) -> Result<Location, LocationError> {
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(expected) = broken_rule(bucket) {
        let (location, bucket) = (text.to_string(), bucket.to_string());
        return Err(LocationError::Bucket { location, bucket, expected });
    }
    if key.len() > LONGEST_KEY {
        return Err(LocationError::Key { location: text.to_string(), length: key.len() });
    }
    Ok(Location::S3 { bucket: bucket.to_string(), key: key.to_string() })
}

/// The rule for bucket names that `bucket` breaks, if any (Amazon S3 User Guide, "Bucket naming rules").
fn broken_rule(bucket: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=63).contains(&bucket.len()) {
        return Some("3 to 63 characters");
    }
    if !bucket.chars().all(|c| plain(c) || c == '.' || c == '-') {
        return Some("lower-case letters, digits, '.' and '-'");
    }
    if !(bucket.starts_with(plain) && bucket.ends_with(plain)) {
        return Some("a letter or digit at both ends");
    }
    if bucket.contains("..") {
        return Some("no two dots in a row");
    }
    bucket.parse::<Ipv4Addr>().is_ok().then_some("no IP address")
}

//! One thing that cannot be read, and where.

use serde::Serialize;

use crate::source::Damaged;
use crate::{DataError, Origin};

/// What kind of thing is at fault; decides the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A record file, or a record in one.
    Record,
    /// A line of a list.
    List,
    /// A list names a file that is not there.
    Missing,
    /// A list names a file outside the channel.
    Outside,
    /// A file of no bytes.
    Empty,
    /// An image that does not decode within the limits.
    Image,
    /// The file of class names.
    Names,
    /// A class folder that the training channel does not have.
    Class,
    /// The system did not let it be read.
    Unreadable,
    /// Something else that stops training.
    Other,
}

/// Something that training would stop at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What kind of thing it is.
    pub kind: FaultKind,
    /// Where it stands in the user's data.
    pub origin: String,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

impl Fault {
    /// The fault that training would meet as `error` at `origin`.
    pub(super) fn at(origin: &Origin, error: &DataError) -> Self {
        Self::new(origin.to_string(), error)
    }

    /// A stretch of a record file that is lost.
    pub(super) fn of_record_file(damaged: Damaged) -> Self {
        let Damaged { file, damage } = damaged;
        Self {
            kind: FaultKind::Record,
            origin: format!("{file}, byte {}", damage.offset),
            reason: damage.to_string(),
        }
    }

    /// The fault that opening the channel called `name` met as `error`.
    pub(super) fn of_opening(name: &str, error: &DataError) -> Self {
        match error {
            DataError::MissingImage { origin, .. }
            | DataError::EmptyImage { origin, .. }
            | DataError::PathOutside { origin } => Self::at(origin, error),
            DataError::List { file, source } => {
                let origin = format!("{file} line {}", source.line);
                Self { origin, ..Self::new(file.clone(), error) }
            }
            DataError::Manifest { file, line, .. } => Self::new(format!("{file} line {line}"), error),
            DataError::Io { path, .. } => Self::new(path.display().to_string(), error),
            _ => Self::new(name.to_owned(), error),
        }
    }

    /// The same for a place that is no sample, such as a file.
    pub(super) fn new(origin: String, error: &DataError) -> Self {
        let text = error.to_string();
        // Most messages begin with the place, which has a field of its own here.
        let reason = text.strip_prefix(&format!("{origin}: ")).unwrap_or(&text).to_owned();
        Self { kind: kind(error), origin, reason }
    }
}

fn kind(error: &DataError) -> FaultKind {
    match error {
        DataError::Record { .. } | DataError::Header { .. } => FaultKind::Record,
        DataError::List { .. } | DataError::Manifest { .. } => FaultKind::List,
        DataError::MissingImage { .. } => FaultKind::Missing,
        DataError::PathOutside { .. } => FaultKind::Outside,
        DataError::EmptyImage { .. } => FaultKind::Empty,
        DataError::Image { .. } | DataError::Panic { .. } => FaultKind::Image,
        DataError::ClassNames { .. } => FaultKind::Names,
        DataError::UnknownClass { .. } => FaultKind::Class,
        DataError::Io { .. } => FaultKind::Unreadable,
        _ => FaultKind::Other,
    }
}

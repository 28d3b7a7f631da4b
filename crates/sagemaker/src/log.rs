//! The shape of a log line.
//!
//! `[MM/DD/YYYY HH:MM:SS LEVEL THREAD] text`, in UTC, as the built-in algorithm writes it: users' metric
//! expressions and dashboards were written against it.

use std::fmt;

use chrono::{DateTime, Utc};

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Progress.
    Info,
    /// Something the user may want to change.
    Warning,
    /// The reason why the job ends.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

/// A line written now.
pub fn line(level: Level, message: &str) -> String {
    line_at(Utc::now(), level, message)
}

/// A line written at `time`. Line breaks in `message` become blanks: the platform scrapes line by line.
pub fn line_at(time: DateTime<Utc>, level: Level, message: &str) -> String {
    let time = time.format("%m/%d/%Y %H:%M:%S");
    let message = message.trim_end().replace(['\r', '\n'], " ");
    format!("[{time} {level} {}] {message}", thread())
}

/// A number of 15 digits that stays the same within a process. The built-in prints Python's thread identity,
/// an address; ours is made of the process number.
fn thread() -> u64 {
    140_000_000_000_000 + u64::from(std::process::id()) * 4096
}

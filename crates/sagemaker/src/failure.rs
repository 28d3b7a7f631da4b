//! How a job tells the platform that it failed, and why.

use std::fs;
use std::io;
use std::io::Write;

use crate::paths::Paths;

/// Longest failure text, in characters. The platform keeps 1024.
const LONGEST: usize = 999;

/// Whose fault a failure is. AWS's own algorithms make the same three classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The user's: a bad hyperparameter, bad data.
    Client,
    /// Ours.
    Algorithm,
    /// The machine's: a full disk, a lost peer.
    Platform,
}

impl Fault {
    /// The code to exit with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Algorithm => 1,
            Self::Client => 2,
            Self::Platform => 4,
        }
    }

    /// What the failure text begins with, and what alarms are set on.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Client => "ClientError:",
            Self::Algorithm => "AlgorithmError:",
            Self::Platform => "InternalServerError:",
        }
    }
}

impl Fault {
    /// The class of a failure text.
    pub fn of_text(text: &str) -> Option<Self> {
        [Self::Client, Self::Algorithm, Self::Platform]
            .into_iter()
            .find(|fault| text.starts_with(fault.prefix()))
    }
}

/// The failure text: the prefix and the message on one line of less than 1000 characters.
pub fn text(fault: Fault, message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    format!("{} {}", fault.prefix(), words.join(" ")).chars().take(LONGEST).collect()
}

/// Writes `output/failure`, and says whether it did: the first failure is the cause, so an existing file stays.
///
/// The platform may look at any moment, hence a temporary name first and a rename.
pub fn write(paths: &Paths, fault: Fault, message: &str) -> io::Result<bool> {
    let path = paths.failure();
    if path.exists() {
        return Ok(false);
    }
    fs::create_dir_all(paths.output_data())?;
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::File::create(&temporary)?;
    let written = file.write_all(text(fault, message).as_bytes()).and_then(|()| file.sync_all());
    match written.and_then(|()| fs::rename(&temporary, &path)) {
        Ok(()) => Ok(true),
        Err(error) => {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

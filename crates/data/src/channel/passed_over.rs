//! The files of a channel that are no samples, for the log: 4000 photographs of a kind that is not read should not
//! vanish without a word.

use std::collections::BTreeSet;
use std::fmt;

use super::directory::{Entry, Kind};

/// The most kinds that are named; one line of the log has to hold them.
const NAMED: usize = 6;

/// How many visible files are not used, and of what kinds. Its `Display` continues a description: nothing if there
/// are none, else such as `, 32 other files passed over (.heic, .jfif)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PassedOver {
    count: usize,
    /// Endings in lower case, `empty` and `no ending`.
    kinds: BTreeSet<String>,
}

impl PassedOver {
    /// Counts an entry if it is a file.
    pub(crate) fn add(&mut self, entry: &Entry) {
        let Kind::File { bytes } = entry.kind else { return };
        self.count += 1;
        self.kinds.insert(match (bytes, entry.extension().as_str()) {
            (0, _) => "empty".to_owned(),
            (_, "") => "no ending".to_owned(),
            (_, extension) => format!(".{extension}"),
        });
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return Ok(());
        }
        let files = if self.count == 1 { "file" } else { "files" };
        let kinds: Vec<&str> = self.kinds.iter().take(NAMED).map(String::as_str).collect();
        let more = if self.kinds.len() > NAMED { ", ..." } else { "" };
        write!(f, ", {} other {files} passed over ({}{more})", self.count, kinds.join(", "))
    }
}

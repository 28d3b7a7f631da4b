//! Files into a `.tar.gz`.

use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use tar::{Builder, Header};

use super::Files;
use crate::commit::{self, CommitError};

/// What RFC 1952 calls an unknown operating system.
const UNKNOWN_SYSTEM: u8 = 255;

/// Packs `files` into a `.tar.gz` at `path`. The same files give the same bytes: names are sorted, and neither
/// clock nor user leaves a trace.
pub fn pack(files: &Files, path: &Path) -> Result<(), CommitError> {
    commit::write(path, |out| write(files, out))
}

fn write(files: &Files, out: &mut dyn Write) -> io::Result<()> {
    // Weights are noise to a compressor: more effort costs minutes and gains nothing.
    let gzip = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(out, Compression::fast());
    let mut archive = Builder::new(gzip);
    for (name, content) in files {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()
}

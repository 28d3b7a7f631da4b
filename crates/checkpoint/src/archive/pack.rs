//! Files into a `.tar.gz`.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, Header};

use super::{Files, folder};
use crate::commit::{self, CommitError};

/// What RFC 1952 calls an unknown operating system.
const UNKNOWN_SYSTEM: u8 = 255;
/// End of the names of packed models, which a folder may hold beside the files they were made of.
const PACKED_SUFFIX: &str = ".tar.gz";

/// Packs `files` into a `.tar.gz` at `path`. The same files give the same bytes: names are sorted, and neither
/// clock nor user leaves a trace.
pub fn pack(files: &Files, path: &Path) -> Result<(), CommitError> {
    commit::write(path, |out| {
        let mut archive = begin(out);
        for (name, content) in files {
            append(&mut archive, name, content.len() as u64, content.as_slice())?;
        }
        finish(archive)
    })
}

/// Packs the regular files at the top level of `folder` into a `.tar.gz` at `path`, which may lie in the folder too.
/// The bytes are those that [`pack`] makes of the same files, but no file is in memory whole, and none is too large.
///
/// Passed over are folders, links, unfinished files and other `.tar.gz` files. The error names the file of the
/// folder that cannot be read.
pub fn pack_folder(folder: &Path, path: &Path) -> Result<(), CommitError> {
    commit::write(path, |out| {
        let mut archive = begin(out);
        for name in folder::names(folder).map_err(named(folder))? {
            if name.ends_with(PACKED_SUFFIX) {
                continue;
            }
            let path = folder.join(&name);
            let mut file = Whole::open(&path)?;
            append(&mut archive, &name, file.size, &mut file)?;
        }
        finish(archive)
    })
}

type Archive<'a> = Builder<GzEncoder<&'a mut dyn Write>>;

fn begin(out: &mut dyn Write) -> Archive<'_> {
    // Weights are noise to a compressor: more effort costs minutes and gains nothing.
    Builder::new(GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(out, Compression::fast()))
}

fn append(archive: &mut Archive<'_>, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, name, content)
}

fn finish(archive: Archive<'_>) -> io::Result<()> {
    archive.into_inner()?.finish()?.flush()
}

/// A file of which exactly `size` bytes are read, whatever happens to it meanwhile: the header that announces them is
/// written already. Its errors name it, so that they differ from those of the archive.
struct Whole<'a> {
    path: &'a Path,
    file: File,
    size: u64,
    left: u64,
}

impl<'a> Whole<'a> {
    fn open(path: &'a Path) -> io::Result<Self> {
        let file = File::open(path).map_err(named(path))?;
        let size = file.metadata().map_err(named(path))?.len();
        Ok(Self { path, file, size, left: size })
    }
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.file).take(self.left).read(buffer).map_err(named(self.path))?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            let words = format!("ends after {} of {} bytes", self.size - self.left, self.size);
            return Err(named(self.path)(io::Error::new(ErrorKind::UnexpectedEof, words)));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// The same error, naming the file it befell.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it stands")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_packed_gives_its_announced_bytes_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.params");
        std::fs::write(&path, "12345").unwrap();
        let (mut grown, mut cut) = (Whole::open(&path).unwrap(), Whole::open(&path).unwrap());
        std::fs::write(&path, "1234567").unwrap();
        assert_eq!(io::read_to_string(&mut grown).unwrap(), "12345");
        std::fs::write(&path, "123").unwrap();
        let error = io::read_to_string(&mut cut).unwrap_err().to_string();
        assert_eq!(error, format!("{}: ends after 3 of 5 bytes", path.display()));
    }
}

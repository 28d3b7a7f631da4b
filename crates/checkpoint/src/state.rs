//! The state of a run as one file: what is small as JSON, what is large as named sections of bytes.
//!
//! ```text
//! "brazckpt"            8 bytes
//! schema                u32, little-endian like all below
//! crc32 of the header   u32
//! length of the header  u64
//! header                JSON: {"state": …, "sections": [{"name": …, "bytes": …}, …]}
//! sections              each its bytes and their crc32, u32, to the end of the file
//! ```
//!
//! Every byte is under a checksum, and the length follows from the header: a file that is cut off, or of which a bit has
//! turned, is never taken for a whole one. A section's checksum stands behind it, so that a state larger than the memory that is
//! left can be written as it is made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::commit::{self, CommitError};

/// The first bytes of the file.
const MAGIC: [u8; 8] = *b"brazckpt";

/// Version of the layout above; a reader takes no other.
pub const SCHEMA: u32 = 2;

/// Bytes before the header.
const START: u64 = 24;

/// The longest header that is read. That of the deepest network has some hundred kilobytes.
const LONGEST_HEADER: u64 = 64 << 20;

/// Memory taken for a section before anything of it was read.
const FIRST_TAKE: u64 = 64 << 20;

/// Bytes of the checksum behind a section.
const CHECKSUM: u64 = 4;

/// Bytes under a name, which are made when their turn to be written comes.
pub trait Section {
    /// Its name, which no other section has.
    fn name(&self) -> &str;

    /// How many bytes [`Section::write`] writes.
    fn bytes(&self) -> u64;

    /// Writes them.
    ///
    /// # Errors
    /// What `out` answers.
    fn write(self, out: &mut dyn Write) -> io::Result<()>;
}

impl Section for (&str, &[u8]) {
    fn name(&self) -> &str {
        self.0
    }

    fn bytes(&self) -> u64 {
        self.1.len() as u64
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.1)
    }
}

/// A file that cannot be read, or that is no whole checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refuses it.
    #[error("{}: cannot read the checkpoint: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is in it is not what it should be.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header<S> {
    state: S,
    sections: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
}

/// Writes a checkpoint at `path`, in place of any file there, so that it survives a power cut; see [`commit`].
///
/// # Errors
/// A file that cannot be written; `state` that is no JSON; a section of another length than it said.
pub fn write<S: Serialize>(
    path: &Path,
    state: &S,
    sections: impl IntoIterator<Item = impl Section>,
) -> Result<(), CommitError> {
    commit::write(path, |out| {
        let sections: Vec<_> = sections.into_iter().collect();
        let entries = sections.iter().map(|one| Entry { name: one.name().to_owned(), bytes: one.bytes() });
        let header = serde_json::to_vec(&Header { state, sections: entries.collect() })?;
        out.write_all(&MAGIC)?;
        out.write_all(&SCHEMA.to_le_bytes())?;
        out.write_all(&crc32fast::hash(&header).to_le_bytes())?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        sections.into_iter().try_for_each(|section| write_section(section, out))
    })
}

fn write_section(section: impl Section, out: &mut dyn Write) -> io::Result<()> {
    let (name, bytes) = (section.name().to_owned(), section.bytes());
    let mut summed = Summed { out, crc32: crc32fast::Hasher::new(), bytes: 0 };
    section.write(&mut summed)?;
    let (crc32, written) = (summed.crc32.finalize(), summed.bytes);
    if written != bytes {
        return Err(io::Error::other(format!("section '{name}' has {written} bytes, expected {bytes}")));
    }
    out.write_all(&crc32.to_le_bytes())
}

/// Counts and sums what goes through it.
struct Summed<'a> {
    out: &'a mut dyn Write,
    crc32: crc32fast::Hasher,
    bytes: u64,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc32.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a checkpoint and checks all of it. Memory is taken for what the file really holds, not for what it says.
///
/// # Errors
/// A file that is not there, of another kind or another schema, cut off, or damaged in any byte.
pub fn read<S: DeserializeOwned>(path: &Path) -> Result<(S, BTreeMap<String, Vec<u8>>), StateError> {
    let failed = |source| StateError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    read_from(file, length, path)
}

/// Like [`read`], of `length` bytes from `source`; `path` is named in errors.
///
/// # Errors
/// As with [`read`].
pub fn read_from<S: DeserializeOwned>(
    source: impl Read,
    length: u64,
    path: &Path,
) -> Result<(S, BTreeMap<String, Vec<u8>>), StateError> {
    let mut file = Reader { path, file: BufReader::new(source), length, position: 0 };
    let header: Header<S> = file.header()?;
    let add = |sum: u64, entry: &Entry| sum.checked_add(entry.bytes)?.checked_add(CHECKSUM);
    let expected = header.sections.iter().try_fold(file.position, add);
    if expected != Some(file.length) {
        let expected = expected.map_or("more than any file has".to_owned(), |bytes| bytes.to_string());
        return Err(file.damaged(format!("it has {} bytes, its header says {expected}", file.length)));
    }
    let mut sections = BTreeMap::new();
    for Entry { name, bytes } in header.sections {
        let content = file.take(bytes)?;
        let crc32 = u32::from_le_bytes(file.array()?);
        if !is_sum_of(&content, crc32) {
            return Err(file.damaged(format!("its section '{name}' is damaged: the checksum is another")));
        }
        if sections.insert(name.clone(), content).is_some() {
            return Err(file.damaged(format!("it has two sections '{name}'")));
        }
    }
    Ok((header.state, sections))
}

/// A fuzzer does not find checksums: to it all are right, so that it sees what is behind them.
fn is_sum_of(bytes: &[u8], crc32: u32) -> bool {
    cfg!(fuzzing) || crc32fast::hash(bytes) == crc32
}

struct Reader<'a, R> {
    path: &'a Path,
    file: BufReader<R>,
    length: u64,
    position: u64,
}

impl<R: Read> Reader<'_, R> {
    fn header<S: DeserializeOwned>(&mut self) -> Result<Header<S>, StateError> {
        if self.length < START {
            return Err(self.damaged(format!("it has {} bytes, a checkpoint more than {START}", self.length)));
        }
        let magic: [u8; 8] = self.array()?;
        if magic != MAGIC {
            let found = magic.escape_ascii().to_string();
            return Err(self.damaged(format!("it begins with '{found}', a checkpoint with 'brazckpt'")));
        }
        let schema = u32::from_le_bytes(self.array()?);
        if schema != SCHEMA {
            return Err(self.damaged(format!("its schema is {schema}, this program reads {SCHEMA}")));
        }
        let (crc32, bytes) = (u32::from_le_bytes(self.array()?), u64::from_le_bytes(self.array()?));
        if bytes > LONGEST_HEADER || bytes > self.length - self.position {
            let length = self.length;
            return Err(self.damaged(format!("it has {length} bytes, its header would have {bytes}")));
        }
        let header = self.take(bytes)?;
        if !is_sum_of(&header, crc32) {
            return Err(self.damaged("its header is damaged: the checksum is another".to_owned()));
        }
        serde_json::from_slice(&header)
            .map_err(|error| self.damaged(format!("its header is no state: {error}")))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(|source| self.failed(source))?;
        self.position += N as u64;
        Ok(bytes)
    }

    /// The next bytes, of which the file has been found to have as many.
    fn take(&mut self, bytes: u64) -> Result<Vec<u8>, StateError> {
        // A file may say that it is long and hold nothing but a hole.
        let mut content = Vec::with_capacity(bytes.min(FIRST_TAKE) as usize);
        let read = (&mut self.file).take(bytes).read_to_end(&mut content);
        let read = read.map_err(|source| self.failed(source))? as u64;
        self.position += read;
        match read == bytes {
            true => Ok(content),
            // It became shorter while it was read.
            false => Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn failed(&self, source: io::Error) -> StateError {
        StateError::Read { path: self.path.to_owned(), source }
    }

    fn damaged(&self, reason: String) -> StateError {
        StateError::Damaged { path: self.path.to_owned(), reason }
    }
}

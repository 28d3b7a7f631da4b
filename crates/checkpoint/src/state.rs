//! The state of a run as one file: what is small as JSON, what is large as named sections of bytes.
//!
//! ```text
//! "brazckpt"            8 bytes
//! schema                u32, little-endian like all below
//! crc32 of the header   u32
//! length of the header  u64
//! header                JSON: {"state": …, "sections": [{"name": …, "bytes": …, "crc32": …}, …]}
//! sections              one behind the other, to the end of the file
//! ```
//!
//! Every byte is under a checksum, and the length follows from the header: a file that is cut off, or of which a bit has
//! turned, is never taken for a whole one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::commit::{self, CommitError};

/// The first bytes of the file.
const MAGIC: [u8; 8] = *b"brazckpt";

/// Version of the layout above; a reader refuses a higher one.
pub const SCHEMA: u32 = 1;

/// Bytes before the header.
const START: u64 = 24;

/// The longest header that is read. That of the deepest network has some hundred kilobytes.
const LONGEST_HEADER: u64 = 64 << 20;

/// Memory taken for a section before anything of it was read.
const FIRST_TAKE: u64 = 64 << 20;

/// Sections of bytes by name, in the order in which they are written.
pub type Sections<'a> = Vec<(String, Cow<'a, [u8]>)>;

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
    crc32: u32,
}

/// Writes a checkpoint at `path`, in place of any file there, so that it survives a power cut; see [`commit`].
///
/// # Errors
/// A file that cannot be written; `state` that is no JSON.
pub fn write<S: Serialize>(path: &Path, state: &S, sections: &Sections) -> Result<(), CommitError> {
    commit::write(path, |out| {
        let entries = sections.iter().map(|(name, bytes)| Entry {
            name: name.clone(),
            bytes: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
        });
        let header = serde_json::to_vec(&Header { state, sections: entries.collect() })?;
        out.write_all(&MAGIC)?;
        out.write_all(&SCHEMA.to_le_bytes())?;
        out.write_all(&crc32fast::hash(&header).to_le_bytes())?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        sections.iter().try_for_each(|(_, bytes)| out.write_all(bytes))
    })
}

/// Reads a checkpoint and checks all of it. Memory is taken for what the file really holds, not for what it says.
///
/// # Errors
/// A file that is not there, of another kind or a later schema, cut off, or damaged in any byte.
pub fn read<S: DeserializeOwned>(path: &Path) -> Result<(S, BTreeMap<String, Vec<u8>>), StateError> {
    let mut file = Reader::open(path)?;
    let header: Header<S> = file.header()?;
    let expected =
        header.sections.iter().try_fold(file.position, |sum: u64, entry| sum.checked_add(entry.bytes));
    if expected != Some(file.length) {
        let expected = expected.map_or("more than any file has".to_owned(), |bytes| bytes.to_string());
        return Err(file.damaged(format!("it has {} bytes, its header says {expected}", file.length)));
    }
    let mut sections = BTreeMap::new();
    for Entry { name, bytes, crc32 } in header.sections {
        let content = file.take(bytes)?;
        if crc32fast::hash(&content) != crc32 {
            return Err(file.damaged(format!("its section '{name}' is damaged: the checksum is another")));
        }
        if sections.insert(name.clone(), content).is_some() {
            return Err(file.damaged(format!("it has two sections '{name}'")));
        }
    }
    Ok((header.state, sections))
}

struct Reader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    length: u64,
    position: u64,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self, StateError> {
        let failed = |source| StateError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Reader { path, file: BufReader::new(file), length, position: 0 })
    }

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
        if !(1..=SCHEMA).contains(&schema) {
            return Err(self.damaged(format!("its schema is {schema}, this program reads up to {SCHEMA}")));
        }
        let (crc32, bytes) = (u32::from_le_bytes(self.array()?), u64::from_le_bytes(self.array()?));
        if bytes > LONGEST_HEADER || bytes > self.length - self.position {
            let length = self.length;
            return Err(self.damaged(format!("it has {length} bytes, its header would have {bytes}")));
        }
        let header = self.take(bytes)?;
        if crc32fast::hash(&header) != crc32 {
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

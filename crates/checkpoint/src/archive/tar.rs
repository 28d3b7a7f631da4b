//! Files from a tar archive, compressed or not.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::limits::Meter;
use super::{ArchiveError, Files, Limits, Refusal};

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes between the contents of two entries: headers, long names, padding. Real archives have a few KiB.
const HEADERS: u64 = 1 << 20;

/// The files at the top level of the archive that `file` gives.
pub(super) fn read(
    mut file: impl BufRead,
    path: &Path,
    limits: &Limits,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Files, ArchiveError> {
    let compressed = file.fill_buf().map_err(ArchiveError::read(path))?.starts_with(&GZIP);
    let stream: Box<dyn Read + '_> =
        if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let allowance = Rc::new(Cell::new(HEADERS));
    let mut archive = Archive::new(Rationed { stream, allowance: Rc::clone(&allowance) });

    let mut meter = Meter::new(path, limits);
    let mut files = Files::new();
    for entry in archive.entries().map_err(ArchiveError::read(path))? {
        let mut entry = entry.map_err(ArchiveError::read(path))?;
        let shown = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refused =
            |refusal| ArchiveError::Refused { path: path.to_path_buf(), entry: shown.clone(), refusal };
        let name = file_name(&entry).map_err(refused)?.filter(|name| wanted(name));
        meter.add(&shown, entry.size(), name.is_some())?;

        // From here to the entry's end, then on to the next header.
        allowance.set(entry.size());
        if let Some(name) = name {
            let content = content(&mut entry, path, &shown)?;
            if files.insert(name, content).is_some() {
                return Err(refused(Refusal::Repeated));
            }
        } else {
            io::copy(&mut entry, &mut io::sink()).map_err(ArchiveError::read(path))?;
        }
        allowance.set(HEADERS);
    }
    // Gzip's checksum stands at the very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(ArchiveError::read(path))?;
    Ok(files)
}

/// The flat name of a file; `None` for what is passed over: folders, and what is in them.
fn file_name<R: Read>(entry: &Entry<'_, R>) -> Result<Option<String>, Refusal> {
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Directory | EntryType::XGlobalHeader => {}
        EntryType::Symlink | EntryType::Link => return Err(Refusal::Link),
        _ => return Err(Refusal::Special),
    }
    let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| Refusal::Name)?;
    if path.starts_with('/') {
        return Err(Refusal::Absolute);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(Refusal::Parent);
    }
    if entry.header().entry_type() != EntryType::Regular || path.ends_with('/') {
        return Ok(None);
    }
    match parts[..] {
        [] => Err(Refusal::Name),
        [name] => Ok(Some(name.to_string())),
        _ => Ok(None),
    }
}

fn content<R: Read>(entry: &mut Entry<'_, R>, path: &Path, shown: &str) -> Result<Vec<u8>, ArchiveError> {
    let expected = entry.size();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(ArchiveError::read(path))?;
    let found = content.len() as u64;
    if found < expected {
        return Err(ArchiveError::Truncated {
            path: path.to_path_buf(),
            entry: shown.to_string(),
            found,
            expected,
        });
    }
    Ok(content)
}

/// A stream that stops once its allowance is used up. The tar reader takes in long names and extension headers
/// by itself, without a limit; through this it cannot take in more than [`HEADERS`].
struct Rationed<'a> {
    stream: Box<dyn Read + 'a>,
    allowance: Rc<Cell<u64>>,
}

impl Read for Rationed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowance = self.allowance.get();
        if allowance == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("more than {HEADERS} bytes between two entries")));
        }
        let length = buffer.len().min(usize::try_from(allowance).unwrap_or(usize::MAX));
        let read = self.stream.read(&mut buffer[..length])?;
        self.allowance.set(allowance - read as u64);
        Ok(read)
    }
}

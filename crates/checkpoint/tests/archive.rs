//! Archives go in and out, and hostile ones are refused by the name of the entry.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use brazier_checkpoint::archive::{ArchiveError, Files, Limits, Refusal, open, pack, select};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

fn files(entries: &[(&str, &[u8])]) -> Files {
    entries.iter().map(|(name, content)| (name.to_string(), content.to_vec())).collect()
}

fn header(kind: EntryType, name: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    // The builder refuses hostile names, so the field is written by hand.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A tar of entries as they stand, without any check.
fn tar(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, content) in entries {
        builder.append(&header(*kind, name, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn written(bytes: &[u8]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any-name");
    fs::write(&path, bytes).unwrap();
    Written { _folder: folder, path }
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Files, ArchiveError> {
    open(&written(bytes).path, limits)
}

#[test]
fn what_is_packed_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tar.gz");
    let long = "n".repeat(180);
    let model = files(&[("b.json", b"{}"), ("a.params", &[7; 100_000]), ("empty", b""), (&long, b"x")]);
    pack(&model, &path).unwrap();
    assert_eq!(open(&path, &Limits::default()).unwrap(), model);
}

#[test]
fn packing_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    pack(&files(&[("b", b"2"), ("a", b"1")]), &one).unwrap();
    pack(&files(&[("a", b"1"), ("b", b"2")]), &two).unwrap();
    let bytes = fs::read(&one).unwrap();
    assert_eq!(bytes, fs::read(&two).unwrap());
    assert_eq!(bytes[4..8], [0; 4], "gzip's time stamp");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut stamps = Vec::new();
    for entry in archive.entries().unwrap() {
        let header = entry.unwrap().header().clone();
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        stamps.push((header.mtime().unwrap(), owner, header.mode().unwrap()));
    }
    assert_eq!(stamps, [(0, (0, 0), 0o644); 2]);
}

#[test]
fn a_plain_tar_and_a_folder_are_archives_too() {
    let bytes = tar(&[
        (EntryType::Directory, "./", b""),
        (EntryType::Regular, "./a", b"1"),
        (EntryType::Directory, "code/", b""),
        (EntryType::Regular, "code/inference.py", b"pass"),
        (EntryType::Regular, "b", b"2"),
    ]);
    let expected = files(&[("a", b"1"), ("b", b"2")]);
    assert_eq!(read(&bytes, &Limits::default()).unwrap(), expected);

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("code")).unwrap();
    for (name, content) in
        [("a", "1"), ("b", "2"), ("code/inference.py", "pass"), ("c.x.sagemaker-ignore", "3")]
    {
        fs::write(folder.path().join(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
    assert_eq!(open(folder.path(), &Limits::default()).unwrap(), expected);
}

#[test]
fn only_wanted_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small"), "1").unwrap();
    fs::write(folder.path().join("model.tar.gz"), [0; 100]).unwrap();
    let limits = Limits { entry_bytes: 10, ..Limits::default() };
    assert_eq!(select(folder.path(), &limits, |name| name == "small").unwrap(), files(&[("small", b"1")]));
    let error = open(folder.path(), &limits).unwrap_err().to_string();
    assert!(error.ends_with("entry 'model.tar.gz' has 100 bytes, the limit is 10"), "{error}");
    let bytes = tar(&[(EntryType::Regular, "a", b"1"), (EntryType::Regular, "b", b"2")]);
    let kept = select(&written(&bytes).path, &limits, |name| name == "b").unwrap();
    assert_eq!(kept, files(&[("b", b"2")]));
}

#[test]
fn hostile_entries_are_refused_by_name() {
    for (kind, name, expected) in [
        (EntryType::Regular, "/etc/passwd", Refusal::Absolute),
        (EntryType::Regular, "../escape", Refusal::Parent),
        (EntryType::Regular, "a/../../escape", Refusal::Parent),
        (EntryType::Directory, "../", Refusal::Parent),
        (EntryType::Symlink, "link", Refusal::Link),
        (EntryType::Link, "hard", Refusal::Link),
        (EntryType::Char, "tty", Refusal::Special),
        (EntryType::Block, "disk", Refusal::Special),
        (EntryType::Fifo, "pipe", Refusal::Special),
        (EntryType::Regular, ".", Refusal::Name),
    ] {
        let bytes = tar(&[(EntryType::Regular, "good", b"1"), (kind, name, b"")]);
        let error = read(&bytes, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("entry '{name}' is refused: {expected}")), "{error}");
    }
}

#[test]
fn a_name_may_come_once() {
    let bytes = tar(&[(EntryType::Regular, "a", b"1"), (EntryType::Regular, "./a", b"2")]);
    let error = read(&bytes, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("entry './a' is refused: the same name was there before"), "{error}");
}

#[test]
fn limits_hold_at_their_edge() {
    let bytes = tar(&[(EntryType::Regular, "a", b"12345"), (EntryType::Regular, "b", b"123")]);
    let fits = Limits { entries: 2, entry_bytes: 5, total_bytes: 8 };
    assert_eq!(read(&bytes, &fits).unwrap().len(), 2);
    for (limits, words) in [
        (Limits { entries: 1, ..fits }, "has more than 1 entries, the next is 'b'"),
        (Limits { entry_bytes: 4, ..fits }, "entry 'a' has 5 bytes, the limit is 4"),
        (Limits { total_bytes: 7, ..fits }, "entries up to 'b' have 8 bytes together, the limit is 7"),
    ] {
        let error = read(&bytes, &limits).unwrap_err().to_string();
        assert!(error.ends_with(words), "{error}");
    }
}

#[test]
fn what_is_passed_over_does_not_count_towards_the_total() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    fs::write(&path, tar(&[(EntryType::Regular, "old", b"12345"), (EntryType::Regular, "new", b"123")]))
        .unwrap();
    let limits = Limits { entries: 2, entry_bytes: 5, total_bytes: 5 };
    assert_eq!(select(&path, &limits, |name| name == "new").unwrap(), files(&[("new", b"123")]));
    let one = Limits { entry_bytes: 4, ..limits };
    let error = select(&path, &one, |name| name == "new").unwrap_err().to_string();
    assert!(error.contains("entry 'old' has 5 bytes, the limit is 4"), "{error}");
}

/// Counts what the archive makes us decompress: gzip of zeros is a thousand times smaller than its content.
fn bomb(kind: EntryType, name: &str, size: u64) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(header(kind, name, size).as_bytes()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(size), &mut gzip).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn bombs_stop_at_the_limit() {
    let limits = Limits { entries: 10, entry_bytes: 1 << 16, total_bytes: 1 << 17 };
    let plain = read(&bomb(EntryType::Regular, "zeros", 8 << 20), &limits).unwrap_err();
    assert!(
        matches!(plain, ArchiveError::EntryTooLarge { ref entry, size: 0x80_0000, .. } if entry == "zeros"),
        "{plain}"
    );
    // A long name is read before there is an entry that could be refused.
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let name = read(&bomb(kind, "x", 8 << 20), &limits).unwrap_err().to_string();
        assert!(name.ends_with("more than 1048576 bytes between two entries"), "{name}");
    }
    let mut tail = tar(&[(EntryType::Regular, "a", b"1")]);
    tail.resize(8 << 20, 0);
    let tail = read(&tail, &limits).unwrap_err().to_string();
    assert!(tail.ends_with("more than 1048576 bytes between two entries"), "{tail}");
}

#[test]
fn damaged_archives_are_errors() {
    let whole = tar(&[(EntryType::Regular, "a", &[1; 2000])]);
    let cut = read(&whole[..1000], &Limits::default()).unwrap_err().to_string();
    assert!(cut.ends_with("entry 'a' ends after 488 of 2000 bytes"), "{cut}");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&whole).unwrap();
    let mut packed = gzip.finish().unwrap();
    assert_eq!(read(&packed, &Limits::default()).unwrap().len(), 1);
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    for bytes in [&packed[..], &packed[..crc / 2], b"neither tar nor gzip", &[0x1f, 0x8b, 0]] {
        let error = read(bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, ArchiveError::Read { .. }), "{error}");
    }
    let missing = open(Path::new("/nowhere/model.tar.gz"), &Limits::default()).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/model.tar.gz: cannot be read"), "{missing}");
}

//! A folder is packed file by file, to the same bytes as from memory.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::path::Path;

use brazier_checkpoint::archive::{Limits, open, pack, pack_folder};

/// A model's folder with what does not belong to the model: a folder, an unfinished file, a link.
fn model(folder: &Path) {
    fs::create_dir(folder.join("code")).unwrap();
    let long = "n".repeat(180);
    for (name, content) in [
        ("b.json", &b"{}"[..]),
        ("a.params", &[7; 300_000]),
        ("empty", b""),
        (&long, b"x"),
        ("code/inference.py", b"pass"),
        ("c.x.sagemaker-ignore", b"half"),
    ] {
        fs::write(folder.join(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
}

#[test]
fn a_folder_packs_to_the_bytes_of_its_files() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    model(folder.path());
    let expected = elsewhere.path().join("expected");
    let files = open(folder.path(), &Limits::default()).unwrap();
    assert_eq!(files.len(), 4);
    pack(&files, &expected).unwrap();
    let packed = folder.path().join("model.tar.gz");
    // The second time the first archive lies among the files.
    for _ in 0..2 {
        pack_folder(folder.path(), &packed).unwrap();
        assert!(fs::read(&packed).unwrap() == fs::read(&expected).unwrap());
    }
    assert_eq!(open(&packed, &Limits::default()).unwrap(), files);
}

#[test]
fn no_limit_holds_for_our_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let entries = Limits::default().entries + 1;
    for number in 0..entries {
        fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    let packed = folder.path().join("model.tar.gz");
    pack_folder(folder.path(), &packed).unwrap();
    assert_eq!(open(&packed, &Limits { entries, ..Limits::default() }).unwrap().len(), entries);
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, packed) = (folder.path().join("missing"), folder.path().join("model.tar.gz"));
    let error = pack_folder(&missing, &packed).unwrap_err().to_string();
    let expected = format!("{}: cannot write its content: {}: ", packed.display(), missing.display());
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

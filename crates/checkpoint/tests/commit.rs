//! A file is the old one or the new one.

use std::fs;
use std::io;
use std::path::Path;

use brazier_checkpoint::commit::{self, Step, TEMPORARY_SUFFIX};

#[test]
fn a_commit_replaces_the_file_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for content in ["old", "newer"] {
        commit::write(&path, |out| out.write_all(content.as_bytes())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn until_it_is_whole_the_content_has_a_name_the_mirror_skips() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "old").unwrap();
    commit::write(&path, |out| {
        out.write_all(b"new")?;
        out.flush()?;
        let mut names: Vec<String> = fs::read_dir(folder.path())?
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names[0], "state");
        assert!(names[1].starts_with("state.") && names[1].ends_with(TEMPORARY_SUFFIX), "{names:?}");
        assert_eq!(fs::read_to_string(&path)?, "old");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_failed_commit_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "old").unwrap();
    let error = commit::write(&path, |out| {
        out.write_all(b"half")?;
        Err(io::Error::other("the tensor is gone"))
    })
    .unwrap_err();
    assert_eq!(error.step, Step::Write);
    assert_eq!(
        error.to_string(),
        format!("{}: cannot write its content: the tensor is gone", path.display())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn errors_name_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let step = |path: &Path| commit::write(path, |_| Ok(())).unwrap_err().step;
    assert_eq!(step(&folder.path().join("missing/state")), Step::Create);
    assert_eq!(step(Path::new("/")), Step::Create);
    fs::create_dir(folder.path().join("state")).unwrap();
    assert_eq!(step(&folder.path().join("state")), Step::Rename);
}

#[cfg(unix)]
#[test]
fn everyone_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (committed, plain) = (folder.path().join("committed"), folder.path().join("plain"));
    commit::write(&committed, |_| Ok(())).unwrap();
    fs::write(&plain, "").unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(committed), mode(plain));
}

//! Checkpoints come back whole or not at all, and the newest whole one counts.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use brazier_checkpoint::folder::Folder;
use brazier_checkpoint::state::{self, Section, StateError};
use serde_json::{Value, json};

const WEIGHTS: [u8; 1000] = {
    let mut bytes = [0; 1000];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at % 251) as u8;
        at += 1;
    }
    bytes
};

fn sections() -> [(&'static str, &'static [u8]); 3] {
    [("weights", &WEIGHTS), ("empty", &[]), ("moments", &[7; 33])]
}

const NONE: [(&str, &[u8]); 0] = [];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_written_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let state = json!({"epoch": 3, "rate": 0.1, "best": null, "seed": u64::MAX});
    state::write(&path, &state, sections()).unwrap();
    let (found, content): (Value, _) = state::read(&path).unwrap();
    assert_eq!(found, state);
    let expected = sections().into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    assert_eq!(content, expected);
}

/// A file cut at every length, and with a bit of every byte turned, is refused with its name, and nothing panics.
#[test]
fn no_damage_goes_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    state::write(&path, &json!({"epoch": 3}), sections()).unwrap();
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        let error = state::read_from::<Value>(bytes, bytes.len() as u64, Path::new("damaged")).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("damaged: "), "{error}");
    };
    for length in 0..whole.len() {
        refused(&whole[..length]);
    }
    refused(&[&whole[..], b"x"].concat());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        refused(&bytes);
    }
}

#[test]
fn a_header_that_promises_too_much_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile");
    let header =
        br#"{"state":{},"sections":[{"name":"a","bytes":18446744073709551615},{"name":"b","bytes":9}]}"#;
    let bytes = [
        &b"brazckpt"[..],
        &state::SCHEMA.to_le_bytes(),
        &crc32fast::hash(header).to_le_bytes(),
        &(header.len() as u64).to_le_bytes(),
        header,
    ];
    fs::write(&path, bytes.concat()).unwrap();
    let message = state::read::<Value>(&path).unwrap_err().to_string();
    assert!(message.contains("more than any file has"), "{message}");
}

/// A section that writes less than it said.
struct Short;

impl Section for Short {
    fn name(&self) -> &str {
        "short"
    }

    fn bytes(&self) -> u64 {
        9
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"eight")
    }
}

#[test]
fn a_section_of_another_length_than_it_said_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let message = state::write(&folder.path().join("a"), &json!({}), [Short]).unwrap_err().to_string();
    assert!(message.contains("section 'short' has 5 bytes, expected 9"), "{message}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn the_newest_whole_checkpoint_counts_and_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Folder::open(&folder.path().join("new/checkpoints")).unwrap();
    for update in [9, 10, 200] {
        checkpoints.commit(update, &json!({ "update": update }), sections()).unwrap();
    }
    // Strangers' files, and what the platform puts beside ours.
    for name in [
        "notes.txt",
        "brazier-x.checkpoint",
        "brazier-777.checkpoint",
        "brazier-000000000300.checkpoint.sagemaker-uploading",
    ] {
        fs::write(checkpoints.path().join(name), b"").unwrap();
    }
    let newest = |accepts: fn(&Value) -> Result<(), String>| checkpoints.newest::<Value>(accepts).unwrap();
    let all = newest(|_| Ok(()));
    assert_eq!(all.found.unwrap().1["update"], 200);
    assert!(all.passed_over.is_empty());

    let path = checkpoints.path().join("brazier-000000000200.checkpoint");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let second = newest(|_| Ok(()));
    assert_eq!(second.found.unwrap().1["update"], 10);
    assert!(
        second.passed_over[0].to_string().contains("000200.checkpoint: it has"),
        "{:?}",
        second.passed_over
    );
    let third =
        newest(
            |state| if state["update"] == 10 { Err("its best weights are not there".into()) } else { Ok(()) },
        );
    assert_eq!((third.found.unwrap().1["update"].clone(), third.passed_over.len()), (json!(9), 2));
    assert!(newest(|_| Err("no".into())).found.is_none());
}

#[test]
fn old_ones_go_but_not_while_they_are_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Folder::open(folder.path()).unwrap();
    for update in 1..=4 {
        checkpoints.commit(update, &json!({}), NONE).unwrap();
    }
    let name = |update: u64, suffix: &str| format!("brazier-{update:012}.checkpoint{suffix}");
    for (update, suffix) in
        [(1, ".sagemaker-uploading"), (1, ".sagemaker-uploaded"), (2, ".sagemaker-uploading")]
    {
        fs::write(folder.path().join(name(update, suffix)), b"").unwrap();
    }
    let keep = [3, 4].map(|update| folder.path().join(name(update, "")));
    checkpoints.retain(&keep, false).unwrap();
    let ours = || -> Vec<String> {
        names(folder.path()).into_iter().filter(|name| name.ends_with(".checkpoint")).collect()
    };
    assert_eq!(ours(), [name(2, ""), name(3, ""), name(4, "")]);
    checkpoints.retain(&keep, true).unwrap();
    assert_eq!(ours(), [name(3, ""), name(4, "")]);
}

#[test]
fn what_a_killed_process_left_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("brazier-000000000007.checkpoint.Ab12.sagemaker-ignore");
    fs::write(&left, b"half").unwrap();
    fs::write(folder.path().join("notes.txt"), b"").unwrap();
    Folder::open(folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["notes.txt"]);
}

/// Root may write anywhere: a file in the folder's place is what nobody can write to.
#[test]
fn a_folder_that_cannot_be_written_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    let message = Folder::open(&path).unwrap_err().to_string();
    assert!(message.contains("file: cannot make the checkpoint folder"), "{message}");
}

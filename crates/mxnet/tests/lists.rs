//! Lists are read as leniently as `im2rec` reads them, and what cannot be read is named by line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brazier_mxnet::idx;
use brazier_mxnet::lst::{self, Entry, ListError, WriteError};

fn entry(index: i64, labels: &[f32], path: &str) -> Entry {
    Entry { index, labels: labels.to_vec(), path: path.into() }
}

#[test]
fn accepted_spellings() {
    let list = "\u{feff}5\t3\tcats/a b.jpg\r\n\n  \t \n -1 \t 3.0 \t 1e1\t  dogs/ü.png  \n7\t-0.5\tlast.jpg";
    let expected = [
        entry(5, &[3.0], "cats/a b.jpg"),
        entry(-1, &[3.0, 10.0], "dogs/ü.png"),
        entry(7, &[-0.5], "last.jpg"),
    ];
    assert_eq!(lst::parse(list).unwrap(), expected);
    assert_eq!(lst::parse("").unwrap(), []);
}

#[test]
fn written_as_im2rec_does() {
    let mut bytes = Vec::new();
    let entries = [entry(5, &[3.0], "cats/a b.jpg"), entry(-1, &[0.1, 1e7], "ü.png")];
    lst::write(&entries, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text, "5\t3.000000\tcats/a b.jpg\n-1\t0.100000\t10000000.000000\tü.png\n");
}

#[test]
fn bad_lines_are_named() {
    let reason = |line: &[u8]| {
        let list = [b"0\t1\ta.jpg\n\n".as_slice(), line, b"\n"].concat();
        let ListError { line, reason, .. } = lst::parse(list).unwrap_err();
        assert_eq!(line, 3);
        reason
    };
    assert_eq!(reason(b"just a path.jpg"), "1 field");
    assert_eq!(reason(b"1\ta.jpg"), "2 fields");
    assert_eq!(reason(b"1.0\t1\ta.jpg"), "index \"1.0\" is not an integer");
    assert_eq!(reason(b"1\tcat\ta.jpg"), "label \"cat\" is not a finite number");
    assert_eq!(reason(b"1\tnan\ta.jpg"), "label \"nan\" is not a finite number");
    assert_eq!(reason(b"1\t1e99\ta.jpg"), "label \"1e99\" is not a finite number");
    assert_eq!(reason(b"1\t1\t\xff.jpg"), "byte 4 is not UTF-8");
}

#[test]
fn caller_may_skip_bad_lines() {
    let list = b"0\t1\ta.jpg\nbad\n2\t1\tc.jpg\n";
    let read: Vec<_> = lst::lines(list).filter_map(Result::ok).map(|entry| entry.index).collect();
    assert_eq!(read, [0, 2]);
    let message = lst::lines(list).find_map(Result::err).unwrap().to_string();
    assert_eq!(
        message,
        "list line 2: 1 field in \"bad\", expected index, label(s) and path separated by tabs"
    );
}

#[test]
fn entries_that_would_not_come_back_are_not_written() {
    let bad = [
        entry(1, &[], "a"),
        entry(1, &[f32::NAN], "a"),
        entry(1, &[0.0], ""),
        entry(1, &[0.0], " a"),
        entry(1, &[0.0], "a\tb"),
        entry(1, &[0.0], "a\nb"),
    ];
    for entry in bad {
        let found = lst::write(std::slice::from_ref(&entry), Vec::new());
        assert!(matches!(found, Err(WriteError::Entry { index: 1, .. })), "{entry:?}");
    }
}

#[test]
fn index_lines() {
    let pairs = |text: &str| -> Vec<_> {
        idx::parse(text).unwrap().iter().map(|entry| (entry.key, entry.offset)).collect()
    };
    assert_eq!(pairs("3\t0\r\n\n 4   16"), [(3, 0), (4, 16)]);
    for (line, reason) in [
        ("3", "no offset"),
        ("3 4 5", "more than two fields"),
        ("a 0", "key is not an integer"),
        ("3 -1", "offset is not a non-negative integer"),
    ] {
        let error = idx::parse(format!("0\t0\n{line}\n")).unwrap_err();
        assert_eq!((error.line, error.reason), (2, reason));
    }
}

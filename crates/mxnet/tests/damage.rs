//! Damaged input gives an error or less, never a panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::params::Params;
use brazier_mxnet::recordio::{self, OwnedRecord, Reader, RecordError};
use brazier_mxnet::symbol::Symbol;
use brazier_mxnet::{idx, lst};
use golden::file;
use proptest::prelude::*;

fn stream(bytes: &[u8]) -> (Vec<OwnedRecord>, Option<RecordError>) {
    let (mut reader, mut records) = (Reader::new(bytes), Vec::new());
    loop {
        match reader.next_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, None),
            Err(error) => return (records, Some(error)),
        }
    }
}

/// Stream and map must agree on every input: same records, same verdict.
fn records_agree(bytes: &[u8]) -> bool {
    let (records, error) = stream(bytes);
    let (mut mapped, mut next) = (Vec::new(), 0);
    let mut fault = None;
    while next < bytes.len() as u64 && fault.is_none() {
        match recordio::record_at(bytes, next) {
            Ok((record, after)) => {
                mapped.push(OwnedRecord { offset: record.offset, payload: record.payload.into_owned() });
                next = after;
            }
            Err(error) => fault = Some(error),
        }
    }
    let offsets = recordio::offsets(bytes).map_err(|error| error.to_string());
    let (error, fault) = (error.map(|error| error.to_string()), fault.map(|error| error.to_string()));
    let walked = match (&offsets, &error) {
        (Ok(offsets), None) => offsets.iter().eq(records.iter().map(|record| &record.offset)),
        (Err(walked), Some(error)) => walked == error,
        _ => false,
    };
    records == mapped && error == fault && walked
}

#[test]
fn a_cut_record_file_keeps_its_first_records() {
    let bytes = file("records.rec");
    let (all, _) = stream(&bytes);
    let ends: Vec<_> = recordio::offsets(&bytes).unwrap();
    for length in 0..bytes.len() {
        let (records, error) = stream(&bytes[..length]);
        assert!(all.starts_with(&records));
        assert_eq!(error.is_none(), ends.contains(&(length as u64)), "cut at {length}");
        assert!(records_agree(&bytes[..length]), "cut at {length}");
    }
}

#[test]
fn a_cut_params_file_is_an_error() {
    for name in
        ["every-dtype.params", "version-1.params", "version-3.params", "oldest.params", "empty.params"]
    {
        let bytes = file(name);
        for length in 0..bytes.len() {
            assert!(Params::read(&bytes[..length]).is_err(), "{name} cut at {length}");
        }
        assert!(Params::read(&[bytes.as_slice(), &[0]].concat()).is_err(), "{name} and one byte");
    }
}

#[test]
fn a_cut_symbol_is_an_error() {
    let text = String::from_utf8(file("wide-symbol.json")).unwrap();
    for (length, _) in text.char_indices() {
        assert!(Symbol::parse(&text[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_cut_index_or_list_is_an_error_or_shorter() {
    let index = file("records.idx");
    let whole = idx::parse(&index).unwrap().len();
    let list = "0\t1.000000\t2.000000\tcats/ä.jpg\n1\t0.000000\t1.000000\tdogs/b c.jpg\n";
    for length in 0..index.len() {
        assert!(
            idx::parse(&index[..length]).is_ok_and(|entries| entries.len() <= whole)
                || idx::parse(&index[..length]).is_err_and(|error| error.line <= whole)
        );
    }
    for length in 0..list.len() {
        let found = lst::parse(&list.as_bytes()[..length]);
        assert!(
            found.as_ref().is_ok_and(|entries| entries.len() <= 2)
                || found.is_err_and(|error| error.line <= 2)
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes: Vec<u8>, offset: u64) {
        prop_assert!(records_agree(&bytes));
        let _ = recordio::record_at(&bytes, offset);
        let _ = ImageRecord::parse(&bytes);
        let _ = Params::read(&bytes);
        let _ = Symbol::parse(&String::from_utf8_lossy(&bytes));
        let _ = idx::parse(&bytes);
        let _ = lst::parse(&bytes);
    }

    /// Changes to sound files reach deeper into the parsers than noise does.
    #[test]
    fn changed_bytes(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let changed = |name: &str| {
            let mut bytes = file(name);
            changes.iter().for_each(|(index, value)| *index.get_mut(&mut bytes) = *value);
            bytes
        };
        prop_assert!(records_agree(&changed("records.rec")));
        for name in ["every-dtype.params", "gpu.params", "version-1.params", "version-3.params", "oldest.params"] {
            let _ = Params::read(&changed(name));
        }
        for name in ["wide-symbol.json", "old-symbol.json"] {
            if let Ok(symbol) = Symbol::parse(&String::from_utf8_lossy(&changed(name))) {
                prop_assert!(Symbol::parse(&symbol.to_json()).is_ok_and(|again| again == symbol));
            }
        }
        let _ = idx::parse(changed("records.idx"));
    }

    #[test]
    fn list_like_text(text in "[-0-9.\t\r\n a\u{feff}é]{0,60}") {
        for entry in lst::lines(text.as_bytes()).flatten() {
            prop_assert!(!entry.labels.is_empty());
        }
        let _ = idx::parse(&text);
    }
}

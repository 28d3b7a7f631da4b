//! Records are divided among readers as MXNet divides them, and none is lost or read twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::recordio::{self, FileError, MAGIC, RecordError, Writer};
use golden::file;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::ops::Range;

fn expected(section: &str) -> Value {
    serde_json::from_slice::<Value>(&file("parts.json")).unwrap()[section].take()
}

/// The labels of the records in a range of bytes; the range must begin and end at records.
fn labels(bytes: &[u8], range: Range<u64>) -> Vec<u32> {
    let bytes = &bytes[range.start as usize..range.end as usize];
    let label = |offset| {
        let (record, _) = recordio::record_at(bytes, offset).unwrap();
        ImageRecord::parse(&record.payload).unwrap().label[0] as u32
    };
    recordio::offsets(bytes).unwrap().into_iter().map(label).collect()
}

/// What every part of every number of parts in the golden file reads.
fn split(section: &str, read: impl Fn(usize, usize) -> Vec<u32>) {
    let golden = expected(section);
    assert_eq!(golden.as_object().unwrap().len(), 6);
    for (parts, theirs) in golden.as_object().unwrap() {
        let count = parts.parse().unwrap();
        let ours: Vec<_> = (0..count).map(|part| read(part, count)).collect();
        assert_eq!(json!(ours), *theirs, "{section}, {parts} parts");
    }
}

#[test]
fn one_file_is_split_as_by_mxnet() {
    let bytes = file("parts.rec");
    split("plain", |part, parts| labels(&bytes, recordio::part(&bytes, part, parts).unwrap()));
}

#[test]
fn a_file_with_an_index_is_split_as_by_mxnet() {
    let bytes = file("parts.rec");
    let offsets = recordio::offsets(&bytes).unwrap();
    assert_eq!(json!(offsets), expected("offsets"));
    split("indexed", |part, parts| {
        recordio::part_of_index(offsets.len(), part, parts).unwrap().map(|record| record as u32).collect()
    });
}

#[test]
fn several_files_are_split_as_by_mxnet() {
    let files = ["parts-a.rec", "parts-b.rec", "parts-c.rec"].map(file);
    let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let joined = files.concat();
    split("several", |part, parts| labels(&joined, recordio::part_of_files(&slices, part, parts).unwrap()));
}

#[test]
fn refusals() {
    let bytes = file("parts.rec");
    let refusal = |bytes: &[u8], part, parts| recordio::part(bytes, part, parts).unwrap_err().to_string();
    assert_eq!(refusal(&bytes[..42], 0, 1), "record file has 42 bytes, expected a multiple of 4");
    assert_eq!(refusal(&bytes, 3, 3), "there is no part 3 (from 0) of the records, expected one of 3");
    assert_eq!(refusal(&bytes, 0, 0), "there is no part 0 (from 0) of the records, expected one of 0");
    assert!(recordio::part_of_index(5, 5, 5).is_err());
    // The last word is a magic: whether a record begins there cannot be known.
    let cut = [vec![0; 12], MAGIC.to_le_bytes().to_vec()].concat();
    let message = "record file ends inside the part head at byte 12: 4 bytes found, 8 expected";
    assert_eq!(refusal(&cut, 0, 2), message);
    let error = recordio::part_of_files(&[&bytes, &bytes[1..]], 0, 1).unwrap_err();
    assert!(matches!(error, FileError { file: 1, source: RecordError::Unaligned { found: 12491 } }));
    let error = recordio::part_of_files(&[&[0; 8], &cut], 0, 2).unwrap_err();
    assert_eq!(error.to_string(), format!("record file number 1 (from 0): {message}"));
}

/// Found by fuzzing: what follows a magic is a magic itself, and the share of a part begins between the two.
#[test]
fn parts_of_no_records_do_not_overlap() {
    let magic = MAGIC.to_le_bytes();
    let bytes = [[0; 4], magic, magic, [0; 4], [0; 4], magic, [0; 4], [0; 4]].concat();
    for parts in 1..9 {
        let ranges: Vec<_> = (0..parts).map(|part| recordio::part(&bytes, part, parts).unwrap()).collect();
        assert!(
            ranges.windows(2).all(|pair| pair[0].end == pair[1].start || pair[1].is_empty()),
            "{ranges:?}"
        );
        assert!(ranges.iter().all(|range| range.start <= range.end), "{ranges:?}");
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![Just(MAGIC.to_le_bytes().to_vec()), vec(any::<u8>(), 0..30)];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn written(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for payload in payloads {
        writer.write(payload).unwrap();
    }
    writer.into_inner()
}

proptest! {
    /// Ranges follow each other without a gap, begin and end at records, and agree with the shares.
    #[test]
    fn parts_partition_the_records(files in vec(vec(payload(), 0..6), 1..4), parts in 1_usize..50) {
        let files: Vec<Vec<u8>> = files.iter().map(|payloads| written(payloads)).collect();
        let slices: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let joined = files.concat();
        let offsets = recordio::offsets(&joined).unwrap();
        let total = joined.len() as u64;
        let mut read: Vec<&u64> = Vec::new();
        for part in 0..parts {
            let range = recordio::part_of_files(&slices, part, parts).unwrap();
            let share = recordio::share(total, part, parts).unwrap();
            let in_share = offsets.iter().filter(|offset| share.contains(offset));
            let in_range: Vec<_> = offsets.iter().filter(|offset| range.contains(offset)).collect();
            prop_assert!(in_share.eq(in_range.iter().copied()));
            prop_assert!(range.is_empty() || offsets.contains(&range.start));
            prop_assert!(range.is_empty() || range.end == total || offsets.contains(&range.end));
            read.extend(in_range);
        }
        prop_assert!(read.into_iter().eq(offsets.iter()));
    }

    #[test]
    fn parts_partition_an_index(records in 0_usize..1000, parts in 1_usize..1200) {
        let ranges = (0..parts).map(|part| recordio::part_of_index(records, part, parts).unwrap());
        prop_assert!(ranges.flatten().eq(0..records));
    }

    #[test]
    fn shares_cover_any_size(words in 0_u64..(1 << 61), parts in 1_usize..1000) {
        let mut next = 0;
        for part in 0..parts {
            let share = recordio::share(4 * words, part, parts).unwrap();
            prop_assert_eq!(share.start, next);
            next = share.end;
        }
        prop_assert_eq!(next, 4 * words);
    }

    #[test]
    fn any_bytes_any_part(bytes: Vec<u8>, part in 0_usize..9, parts in 0_usize..9) {
        if let Ok(range) = recordio::part(&bytes, part, parts) {
            prop_assert!(range.start <= range.end && range.end <= bytes.len() as u64);
        }
    }
}

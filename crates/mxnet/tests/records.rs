//! Records that MXNet wrote are read as it described them, and written back byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;

use brazier_mxnet::image_record::ImageRecord;
use brazier_mxnet::{idx, recordio};
use golden::{expected, file, sha256};
use serde_json::{Value, json};
use std::borrow::Cow;

fn described() -> Vec<Value> {
    expected("records").as_array().unwrap().clone()
}

#[test]
fn stream_equals_description() {
    let bytes = file("records.rec");
    let mut reader = recordio::Reader::new(bytes.as_slice());
    for record in described() {
        let read = reader.next_record().unwrap().unwrap();
        assert_eq!(json!(read.offset), record["offset"]);
        assert_eq!(json!(read.payload.len()), record["length"]);
        assert_eq!(json!(sha256(&read.payload)), record["sha256"]);
    }
    assert_eq!(reader.next_record().unwrap(), None);
}

#[test]
fn random_access_equals_description() {
    let bytes = file("records.rec");
    let offsets = recordio::offsets(&bytes).unwrap();
    let mut following = 0;
    assert_eq!(offsets.len(), described().len());
    for (offset, record) in offsets.iter().zip(described()) {
        assert_eq!(*offset, following);
        assert_eq!(json!(offset), record["offset"]);
        let (read, next) = recordio::record_at(&bytes, *offset).unwrap();
        assert_eq!(json!(sha256(&read.payload)), record["sha256"]);
        following = next;
    }
    assert_eq!(following, bytes.len() as u64);
}

#[test]
fn only_cut_records_are_copied() {
    let bytes = file("records.rec");
    let copied = |offset: &u64| {
        let (record, _) = recordio::record_at(&bytes, *offset).unwrap();
        matches!(record.payload, Cow::Owned(_))
    };
    // Six raw payloads and one image hold a magic at a multiple of four.
    assert_eq!(recordio::offsets(&bytes).unwrap().iter().filter(|offset| copied(offset)).count(), 6);
}

#[test]
fn images_equal_description() {
    let bytes = file("records.rec");
    let mut images = 0;
    for record in described().into_iter().filter(|record| record["image"].is_object()) {
        let (read, _) = recordio::record_at(&bytes, record["offset"].as_u64().unwrap()).unwrap();
        let image = ImageRecord::parse(&read.payload).unwrap();
        let found = json!({
            "flag": image.flag, "label": image.label, "id": image.id, "id2": image.id2,
            "sha256": sha256(image.image),
        });
        assert_eq!(found, record["image"]);
        assert_eq!(image.encode(), *read.payload);
        images += 1;
    }
    assert_eq!(images, 6);
}

#[test]
fn written_back_byte_for_byte() {
    let bytes = file("records.rec");
    let mut reader = recordio::Reader::new(bytes.as_slice());
    let mut writer = recordio::Writer::new(Vec::new());
    while let Some(record) = reader.next_record().unwrap() {
        assert_eq!(writer.write(&record.payload).unwrap(), record.offset);
    }
    assert!(writer.into_inner() == bytes);
}

#[test]
fn index_equals_description() {
    let bytes = file("records.idx");
    let entries = idx::parse(&bytes).unwrap();
    let found: Vec<_> = entries.iter().map(|entry| (json!(entry.key), json!(entry.offset))).collect();
    let records: Vec<_> =
        described().into_iter().map(|record| (record["key"].clone(), record["offset"].clone())).collect();
    assert_eq!(found, records);
    let mut written = Vec::new();
    idx::write(&entries, &mut written).unwrap();
    assert_eq!(written, bytes);
}

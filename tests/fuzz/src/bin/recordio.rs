//! Every reader of record files agrees with the others, and a survey accounts for every byte.
#![no_main]

use brazier_mxnet::recordio::{MAGIC, Reader, Survey, Writer, offsets, record_at, survey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let survey = survey(bytes);
    covers(bytes, &survey);
    stream(bytes);
    let Ok(offsets) = offsets(bytes) else {
        assert!(!survey.damaged.is_empty());
        return;
    };
    assert_eq!(survey.offsets, offsets);
    assert!(survey.damaged.is_empty());
    written_again(bytes, &offsets);
});

/// Records and damage lie one after the other from the first byte to the last.
fn covers(bytes: &[u8], survey: &Survey) {
    let damaged = survey.damaged.iter().map(|damage| (damage.offset, damage.offset + damage.bytes));
    let records = survey.offsets.iter().map(|offset| (*offset, record_at(bytes, *offset).unwrap().1));
    let mut stretches: Vec<_> = damaged.chain(records).collect();
    stretches.sort_unstable();
    let end = stretches.into_iter().fold(0, |end, (begins, ends)| {
        assert!(begins == end && ends > begins);
        ends
    });
    assert_eq!(end, bytes.len() as u64);
}

/// A stream that goes on after errors gives records that are there, and comes to an end.
fn stream(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut sound = true;
    loop {
        match reader.borrow_record() {
            Ok(None) => break,
            Ok(Some(record)) => {
                let (mapped, _) = record_at(bytes, record.offset).unwrap();
                assert_eq!(record, mapped);
            }
            Err(error) => {
                let stopped = offsets(bytes).unwrap_err();
                assert!(!sound || error.to_string() == stopped.to_string());
                sound = false;
                reader.resynchronise().unwrap();
            }
        }
    }
    assert_eq!(sound, offsets(bytes).is_ok());
}

/// The payloads are the same after they were written again, and only heads are aligned magics.
fn written_again(bytes: &[u8], offsets: &[u64]) {
    let mut writer = Writer::new(Vec::new());
    for offset in offsets {
        writer.write(&record_at(bytes, *offset).unwrap().0.payload).unwrap();
    }
    let again = writer.into_inner();
    let mut reader = Reader::new(again.as_slice());
    for offset in offsets {
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.payload, *record_at(bytes, *offset).unwrap().0.payload);
        assert_eq!(again[record.offset as usize..][..4], MAGIC.to_le_bytes());
    }
    assert!(reader.next_record().unwrap().is_none());
}

//! Damage of every kind is named by its place, and costs no more records than it must.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brazier_mxnet::recordio::{self, MAGIC, Reader, RecordError, Writer, survey};
use proptest::collection::vec;
use proptest::prelude::*;

/// Five records at 0, 20, 40, 76 and 96; the third was cut at a magic, its second part begins at 56.
const OFFSETS: [u64; 5] = [0, 20, 40, 76, 96];

fn sound() -> Vec<u8> {
    let magic = MAGIC.to_le_bytes();
    let cut = [b"12345678".as_slice(), &magic, b"abcdefghi"].concat();
    let mut writer = Writer::new(Vec::new());
    let payloads = [b"first record".as_slice(), b"the second", &cut, b"the fourth", b"the last one"];
    let offsets = payloads.map(|payload| writer.write(payload).unwrap());
    assert_eq!(offsets, OFFSETS);
    writer.into_inner()
}

/// The sound file with a word changed.
fn with(offset: usize, word: u32) -> Vec<u8> {
    let mut bytes = sound();
    bytes[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    bytes
}

/// What `survey` says, damage as its messages.
fn surveyed(bytes: &[u8]) -> (Vec<u64>, Vec<String>) {
    let survey = survey(bytes);
    (survey.offsets, survey.damaged.iter().map(ToString::to_string).collect())
}

/// What is read from a stream that goes on after every error.
fn streamed(bytes: &[u8]) -> (Vec<u64>, Vec<String>) {
    let (mut reader, mut offsets, mut errors) = (Reader::new(bytes), Vec::new(), Vec::new());
    loop {
        match reader.next_record() {
            Ok(None) => return (offsets, errors),
            Ok(Some(record)) => offsets.push(record.offset),
            Err(error) => {
                errors.push(error.to_string());
                reader.resynchronise().unwrap();
            }
        }
    }
}

/// The records left, one message, and the same from a stream.
fn one(bytes: &[u8], left: &[u64], message: &str) {
    let (offsets, damage) = surveyed(bytes);
    assert_eq!((offsets.as_slice(), damage), (left, vec![message.to_owned()]));
    let (offsets, errors) = streamed(bytes);
    assert_eq!(offsets, left);
    assert!(message.ends_with(&errors[0]), "{message}: {errors:?}");
}

#[test]
fn sound_files_have_no_damage() {
    assert_eq!(surveyed(&sound()), (OFFSETS.to_vec(), vec![]));
    assert_eq!(surveyed(b""), (vec![], vec![]));
    assert_eq!(streamed(&sound()), (OFFSETS.to_vec(), vec![]));
}

#[test]
fn size_that_is_no_multiple_of_4() {
    let bytes = sound();
    let message = "18 bytes at byte 96 are lost: record file ends inside the record data at byte 104: \
                   10 bytes found, 12 expected";
    one(&bytes[..114], &OFFSETS[..4], message);
    let message = "3 bytes at byte 116 are lost: record file ends inside the part head at byte 116: \
                   3 bytes found, 8 expected";
    one(&[bytes.as_slice(), b"\n\n\n"].concat(), &OFFSETS, message);
}

#[test]
fn last_record_cut() {
    let message = "16 bytes at byte 96 are lost: record file ends inside the record data at byte 104: \
                   8 bytes found, 12 expected";
    one(&sound()[..112], &OFFSETS[..4], message);
    let message = "24 bytes at byte 40 are lost: record file ends inside the record data at byte 64: \
                   0 bytes found, 12 expected";
    one(&sound()[..64], &OFFSETS[..2], message);
}

#[test]
fn magic_overwritten() {
    let message = |offset, bytes| {
        format!(
            "{bytes} bytes at byte {offset} are lost: no record begins at byte {offset}: found 0x4745504a, expected the \
             RecordIO magic 0xced7230a"
        )
    };
    let jpeg = u32::from_le_bytes(*b"JPEG");
    one(&with(20, jpeg), &[0, 40, 76, 96], &message(20, 20));
    one(&with(0, jpeg), &OFFSETS[1..], &message(0, 20));
    one(&with(96, jpeg), &OFFSETS[..4], &message(96, 20));
    // In the middle of a record: the whole record is lost.
    let (offsets, damage) = surveyed(&with(56, jpeg));
    assert_eq!(offsets, [0, 20, 76, 96]);
    assert_eq!(damage, [message(56, 36).replace("at byte 56 are", "at byte 40 are")]);
}

#[test]
fn length_past_the_end() {
    let message = "20 bytes at byte 20 are lost: record file ends inside the record data at byte 28: \
                   88 bytes found, 4096 expected";
    one(&with(24, 4096), &[0, 40, 76, 96], message);
}

#[test]
fn length_too_long() {
    // The second record ends in the middle of the fourth's data and covers the third.
    let bytes = with(24, 64);
    let message = "20 bytes at byte 20 are lost: no record begins at byte 92: found 0x00006874, expected the \
                   RecordIO magic 0xced7230a";
    assert_eq!(surveyed(&bytes), (vec![0, 40, 76, 96], vec![message.to_owned()]));
    // A stream has let it go by.
    assert_eq!(streamed(&bytes).0, [0, 20, 96]);
}

#[test]
fn length_too_short() {
    // The record is there, cut; what follows it is not.
    let message = "8 bytes at byte 32 are lost: no record begins at byte 32: found 0x6f636573, expected the \
                   RecordIO magic 0xced7230a";
    one(&with(24, 4), &OFFSETS, message);
}

#[test]
fn part_that_begins_no_record() {
    let message = "20 bytes at byte 20 are lost: record part at byte 20 has position flag 2, expected 0 (whole) or 1 \
                   (first)";
    one(&with(24, 2 << 29 | 10), &[0, 40, 76, 96], message);
}

#[test]
fn part_that_is_missing() {
    // A whole record where the second part should be.
    let message = "16 bytes at byte 40 are lost: record part at byte 56 has position flag 0, expected 2 (middle) or 3 \
                   (last)";
    let bytes = with(60, 9);
    assert_eq!(surveyed(&bytes), (vec![0, 20, 56, 76, 96], vec![message.to_owned()]));
}

#[test]
fn no_record_at_all() {
    let jpeg = [0xff; 64];
    let message = "64 bytes at byte 0 are lost: no record begins at byte 0: found 0xffffffff, expected the RecordIO \
                   magic 0xced7230a";
    one(&jpeg, &[], message);
}

#[test]
fn what_only_looks_like_a_head_is_passed_over() {
    // In the damaged second record: a head whose record is not followed by another, and one that is cut off.
    let head = |length: u32| [MAGIC.to_le_bytes(), length.to_le_bytes()].concat();
    let bytes =
        [sound()[..20].to_vec(), vec![1; 8], head(4), vec![2; 8], head(400), sound()[20..40].to_vec()];
    let (offsets, damage) = surveyed(&bytes.concat());
    assert_eq!(offsets, [0, 52]);
    assert_eq!(damage.len(), 1);
}

#[test]
fn an_error_stays_until_told_to_go_on() {
    let bytes = with(20, 0);
    let mut reader = Reader::new(bytes.as_slice());
    reader.next_record().unwrap();
    for _ in 0..2 {
        assert!(matches!(reader.next_record(), Err(RecordError::Magic { offset: 20, found: 0 })));
    }
    assert_eq!(reader.resynchronise().unwrap(), Some(40));
    assert_eq!(reader.next_record().unwrap().unwrap().offset, 40);
    assert_eq!(reader.resynchronise().unwrap(), Some(96));
    assert_eq!(reader.next_record().unwrap().unwrap().payload, b"the last one");
    assert_eq!(reader.resynchronise().unwrap(), None);
    assert!(reader.next_record().unwrap().is_none());
}

/// Bytes in which heads, sound and not, are common.
fn wreck() -> impl Strategy<Value = Vec<u8>> {
    let head = (0_u32..5, 0_u32..24)
        .prop_map(|(flag, length)| [MAGIC.to_le_bytes(), (flag << 29 | length).to_le_bytes()].concat());
    let piece =
        prop_oneof![head, vec(any::<u8>(), 0..24), Just(MAGIC.to_le_bytes().to_vec()), Just(vec![0; 4])];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Whatever the bytes: records and damage lie one after the other and cover the file, and every record is read.
    #[test]
    fn records_and_damage_cover_the_file(bytes in wreck()) {
        let survey = survey(&bytes);
        let mut stretches: Vec<(u64, u64)> =
            survey.damaged.iter().map(|damage| (damage.offset, damage.offset + damage.bytes)).collect();
        for offset in survey.offsets {
            let (_, end) = recordio::record_at(&bytes, offset).unwrap();
            stretches.push((offset, end));
        }
        stretches.sort_unstable();
        let mut next = 0;
        for (begin, end) in stretches {
            prop_assert_eq!(begin, next);
            prop_assert!(end > begin);
            next = end;
        }
        prop_assert_eq!(next, bytes.len() as u64);
        prop_assert_eq!(survey.damaged.is_empty(), recordio::offsets(&bytes).is_ok());
    }

    /// A changed word costs at most the record it stands in and, where that is a length, leaves the others.
    #[test]
    fn a_changed_word_costs_one_record(word in 0_usize..29, value: u32) {
        let bytes = with(4 * word, value);
        let found = survey(&bytes).offsets;
        let lost = OFFSETS.iter().filter(|offset| !found.contains(offset)).count();
        // A length that ends exactly where another record begins covers records without a trace.
        let covers = bytes.len() as u32 > value & 0x1fff_ffff && value & 0x1fff_ffff > 12;
        prop_assert!(lost <= 1 || covers, "lost {lost} of {OFFSETS:?}");
    }

    #[test]
    fn streams_end_after_any_damage(bytes in wreck()) {
        let (offsets, _) = streamed(&bytes);
        prop_assert!(offsets.is_sorted());
        for offset in offsets {
            prop_assert!(recordio::record_at(&bytes, offset).is_ok());
        }
    }
}

//! Each kind of broken record and array is refused with the place, the value and what was expected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brazier_mxnet::image_record::{HeaderError, ImageRecord};
use brazier_mxnet::params::{Params, ParamsError};
use brazier_mxnet::recordio::{MAGIC, MAX_RECORD_BYTES, Reader, RecordError, Writer, offsets, record_at};
use std::io::{self, Read};

/// A part: position flag, length as written, data as it follows.
fn part(flag: u32, length: u32, data: &[u8]) -> Vec<u8> {
    [&MAGIC.to_le_bytes(), &(flag << 29 | length).to_le_bytes(), data].concat()
}

fn stream(bytes: &[u8]) -> RecordError {
    let mut reader = Reader::new(bytes);
    loop {
        match reader.next_record() {
            Ok(record) => assert!(record.is_some(), "no error"),
            Err(error) => return error,
        }
    }
}

#[test]
fn records() {
    let sound = part(0, 4, b"abcd");
    let after = |bad: Vec<u8>| {
        let bytes = [sound.clone(), bad].concat();
        let error = stream(&bytes).to_string();
        assert_eq!(offsets(&bytes).unwrap_err().to_string(), error);
        error
    };
    assert_eq!(
        after(b"JPEG1234".to_vec()),
        "no record begins at byte 12: found 0x4745504a, expected the RecordIO magic 0xced7230a"
    );
    assert_eq!(
        after(part(2, 0, b"")),
        "record part at byte 12 has position flag 2, expected 0 (whole) or 1 (first)"
    );
    assert_eq!(
        after([part(1, 0, b""), part(0, 0, b"")].concat()),
        "record part at byte 20 has position flag 0, expected 2 (middle) or 3 (last)"
    );
    assert_eq!(
        after(part(7, 0, b"")),
        "record part at byte 12 has position flag 7, expected 0 (whole) or 1 (first)"
    );
    assert_eq!(
        after(part(0, 5, b"abcde\0")),
        "record file ends inside the record data at byte 20: 6 bytes found, 8 expected"
    );
    assert_eq!(
        after(part(1, 4, b"abcd")),
        "record file ends inside the part head at byte 24: 0 bytes found, 8 expected"
    );
    assert_eq!(
        after(vec![0x0a]),
        "record file ends inside the part head at byte 12: 1 bytes found, 8 expected"
    );
}

#[test]
fn no_record_at_an_offset_past_the_end() {
    for offset in [13, u64::MAX] {
        let found = record_at(&part(0, 4, b"abcd"), offset).unwrap_err();
        assert!(matches!(found, RecordError::Truncated { found: 0, .. }), "{found}");
    }
}

#[test]
fn record_length_is_bounded() {
    let bytes = [part(1, 4, b"abcd"), part(3, 4, b"efgh")].concat();
    let read = |limit| Reader::with_limit(bytes.as_slice(), limit).next_record();
    assert_eq!(read(12).unwrap().unwrap().payload, *b"abcd\x0a\x23\xd7\xceefgh");
    assert!(matches!(read(11), Err(RecordError::TooLong { offset: 0, found: 12, limit: 11 })));
    // Too long is too long, found by fuzzing: whether the bytes are there is not looked at.
    let bytes = [part(1, 4, b"abcd"), part(3, MAX_RECORD_BYTES as u32 - 7, b"")].concat();
    let message = "record at byte 0 has 536870912 bytes or more, the limit is 536870911";
    assert_eq!(stream(&bytes).to_string(), message);
    assert_eq!(offsets(&bytes).unwrap_err().to_string(), message);
    assert_eq!(record_at(&bytes, 0).unwrap_err().to_string(), message);
    let longest = vec![0; MAX_RECORD_BYTES as usize + 1];
    assert!(matches!(Writer::new(io::sink()).write(&longest), Err(RecordError::TooLong { .. })));
}

/// A pipe that gives a byte at a time, each after an interruption.
struct Drip<'a>(&'a [u8], bool);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

#[test]
fn short_reads_and_interruptions_are_no_end() {
    let bytes = [part(1, 0, b""), part(3, 3, b"abc\0"), part(0, 0, b"")].concat();
    let mut reader = Reader::new(Drip(&bytes, false));
    assert_eq!(reader.next_record().unwrap().unwrap().payload, *b"\x0a\x23\xd7\xceabc");
    assert_eq!(reader.next_record().unwrap().unwrap().payload, b"");
    assert!(reader.next_record().unwrap().is_none());
}

#[test]
fn image_headers() {
    assert_eq!(ImageRecord::parse(&[0; 23]), Err(HeaderError::Header { found: 23 }));
    let three = |labels: usize| [&[3, 0, 0, 0], vec![0; 20 + labels].as_slice()].concat();
    let error = HeaderError::Labels { flag: 3, found: 11, expected: 12 };
    assert_eq!(ImageRecord::parse(&three(11)), Err(error));
    assert_eq!(ImageRecord::parse(&three(12)).unwrap().label, [0.0; 3]);
    let endless = [[0xff; 4].as_slice(), &[0; 40]].concat();
    assert!(matches!(ImageRecord::parse(&endless), Err(HeaderError::Labels { flag: u32::MAX, .. })));
}

/// A file of one array, given as words of four bytes, named `a` unless the file says otherwise.
fn params(array: &[u32]) -> Result<Params, ParamsError> {
    let head = [0x112_u64, 0, 1].map(u64::to_le_bytes).concat();
    let words: Vec<u8> = array.iter().flat_map(|word| word.to_le_bytes()).collect();
    let names = [[1_u64, 1].map(u64::to_le_bytes).concat(), b"a".to_vec()].concat();
    Params::read(&[head, words, names].concat())
}

const V2: u32 = 0xf993_fac9;
const V3: u32 = 0xf993_faca;

#[test]
fn arrays() {
    assert!(params(&[V2, 0, 1, 1, 0, 1, 0, 0, 7]).is_ok());
    let refusal = |array: &[u32]| params(array).unwrap_err().to_string();
    assert_eq!(
        refusal(&[V2, 1, 1, 1, 0, 1, 0, 0, 7]),
        "array 0 of the params file: storage type at byte 28 is 1, expected 0 (dense); sparse arrays are not supported"
    );
    assert_eq!(
        refusal(&[V2, 0, 1, 1, 0, 1, 0, 13, 7]),
        "array 0 of the params file: element type at byte 52 is 13, expected 0 to 12"
    );
    assert_eq!(
        refusal(&[V2, 0, 33]),
        "array 0 of the params file: number of dimensions at byte 32 is 33, expected 0 to 32"
    );
    assert_eq!(
        refusal(&[V3, 0, u32::MAX]),
        "array 0 of the params file: number of dimensions at byte 32 is -1, expected 0 to 32"
    );
    assert_eq!(
        refusal(&[V2, 0, 1, u32::MAX, u32::MAX]),
        "array 0 of the params file: extent at byte 36 is -1, expected 0 or more"
    );
    assert!(refusal(&[0xdead_beef]).contains("first word at byte 24 is"));
    // Both would ask for more memory than there is, the second for more than can be counted.
    assert!(refusal(&[V2, 0, 1, 0, 1 << 20, 1, 0, 0, 7]).contains("18014398509481984 expected"));
    assert!(refusal(&[V2, 0, 2, 0, 1 << 20, 0, 1 << 20, 1, 0, 0]).contains("too many elements"));
}

#[test]
fn names() {
    let file = |words: &[u64], rest: &[u8]| {
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Params::read(&[&words, rest].concat()).unwrap_err()
    };
    assert!(matches!(file(&[0x113, 0, 0, 0], b""), ParamsError::Magic { found: 0x113 }));
    assert!(matches!(file(&[0x112, 0, 0, 1], b""), ParamsError::Names { offset: 24, arrays: 0, names: 1 }));
    // Two arrays without dimensions in the oldest layout are eight zero bytes.
    assert!(matches!(file(&[0x112, 0, 2, 0, 0], b""), ParamsError::Names { arrays: 2, names: 0, .. }));
    let twice = [b"a".as_slice(), &1_u64.to_le_bytes(), b"a"].concat();
    assert!(matches!(file(&[0x112, 0, 2, 0, 2, 1], &twice), ParamsError::NameTwice { offset: 57, .. }));
    let wrong = [b"a".as_slice(), &1_u64.to_le_bytes(), b"\xff"].concat();
    assert!(matches!(file(&[0x112, 0, 2, 0, 2, 1], &wrong), ParamsError::NameText { offset: 57, .. }));
    assert!(matches!(file(&[0x112, 0, 0, 0], b"x"), ParamsError::Trailing { offset: 32, found: 1 }));
    let endless = file(&[0x112, 0, u64::MAX], b"");
    assert!(matches!(endless, ParamsError::Truncated { offset: 24, found: 0, expected: 4, .. }));
}

//! Parts of records follow each other without gap or overlap, whatever the bytes: those after the number of parts and the
//! place where one file ends and another begins.
#![no_main]

use brazier_mxnet::recordio::{offsets, part_of_files, share};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [parts, low, high, bytes @ ..] = bytes else { return };
    let (parts, cut) = (usize::from(*parts), usize::from(u16::from_le_bytes([*low, *high])));
    let (a, b) = bytes.split_at(cut.min(bytes.len()));
    let total = bytes.len() as u64;
    let ranges: Result<Vec<_>, _> = (0..parts).map(|part| part_of_files(&[a, b], part, parts)).collect();
    let Ok(ranges) = ranges else { return };
    let mut next = 0;
    for (part, range) in ranges.iter().enumerate() {
        if share(total, part, parts).unwrap().is_empty() {
            assert!(range.is_empty());
            continue;
        }
        assert!(range.start == next && range.end >= next && range.end <= total);
        next = range.end;
    }
    // In two sound files every record is in the part in whose share it begins.
    let (Ok(first), Ok(second)) = (offsets(a), offsets(b)) else { return };
    let all: Vec<u64> =
        first.into_iter().chain(second.into_iter().map(|offset| offset + a.len() as u64)).collect();
    for (part, range) in ranges.iter().enumerate() {
        let share = share(total, part, parts).unwrap();
        // A record's data may hold a magic that no writer leaves there: then a part begins inside it.
        if !range.is_empty() && all.contains(&range.start) && (range.end == total || all.contains(&range.end))
        {
            let begins = |within: &std::ops::Range<u64>| all.iter().filter(|at| within.contains(at)).count();
            assert_eq!(begins(&share), begins(range));
        }
    }
});

//! What can be wrong with a `.rec` file.

/// A record that cannot be read or written. Offsets are bytes from the start of the file or stream.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes end inside a part.
    #[error("record file ends inside the {field} at byte {offset}: {found} bytes found, {expected} expected")]
    Truncated {
        /// Where the field begins.
        offset: u64,
        /// The field that is cut.
        field: &'static str,
        /// Bytes left of it.
        found: u64,
        /// Bytes it should have.
        expected: u64,
    },
    /// A part does not begin with the magic.
    #[error("no record begins at byte {offset}: found {found:#010x}, expected the RecordIO magic 0xced7230a")]
    Magic {
        /// Where the part should begin.
        offset: u64,
        /// The word found there.
        found: u32,
    },
    /// A part stands where its position flag does not allow it.
    #[error("record part at byte {offset} has position flag {found}, expected {expected}")]
    Position {
        /// Where the part begins.
        offset: u64,
        /// Its flag: 0 whole, 1 first, 2 middle, 3 last, above that undefined.
        found: u32,
        /// The flags allowed here.
        expected: &'static str,
    },
    /// A record is longer than allowed.
    #[error("record at byte {offset} has {found} bytes or more, the limit is {limit}")]
    TooLong {
        /// Where the record begins.
        offset: u64,
        /// Bytes counted before giving up.
        found: u64,
        /// The most bytes allowed.
        limit: u64,
    },
    /// The file cannot be divided among readers.
    #[error("record file has {found} bytes, expected a multiple of 4")]
    Unaligned {
        /// Bytes of the file.
        found: u64,
    },
    /// There is no such part of the records.
    #[error("there is no part {part} (from 0) of the records, expected one of {parts}")]
    Part {
        /// The part asked for.
        part: usize,
        /// The number of parts.
        parts: usize,
    },
    /// The stream below failed.
    #[error("cannot read or write the record file at byte {offset}: {source}")]
    Io {
        /// Where the access began.
        offset: u64,
        /// The failure.
        source: std::io::Error,
    },
}

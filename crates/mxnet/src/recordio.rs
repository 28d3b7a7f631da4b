//! RecordIO: length-prefixed records with a magic to find them by (dmlc-core `recordio.h`).
//!
//! A file is a sequence of parts: magic, a word whose top three bits say where in its record the part stands and
//! whose low 29 bits give its length, the data, zeros up to a multiple of four. A payload that holds the
//! magic at a multiple of four is cut there: the four bytes are dropped and come back between the two parts.
//!
//! A record must begin with a whole or first part, as MXNet's training iterator demands; its Python reader is laxer.

mod error;
mod frame;
mod mapped;
mod part;
mod reader;
mod survey;
mod window;
mod writer;

pub use error::RecordError;
pub use mapped::{Record, offsets, record_at};
pub use part::{FileError, part, part_of_files, part_of_index, share};
pub use reader::{OwnedRecord, Reader};
pub use survey::{Damage, Survey, survey};
pub use writer::Writer;

/// The word before every part, little-endian on disk (`0A 23 D7 CE`).
pub const MAGIC: u32 = 0xced7_230a;

/// Bytes of the longest record, and of the longest part: the length field has 29 bits.
pub const MAX_RECORD_BYTES: u64 = (1 << 29) - 1;

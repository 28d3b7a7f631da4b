//! MXNet's byte formats, read and written without MXNet.
//!
//! - [`recordio`]: the record framing of `.rec` files, streamed or in memory; damage surveyed, parts of n
//! - [`image_record`]: the 24-byte header, labels and image inside one record
//! - [`idx`]: record offsets by key, beside a `.rec`
//! - [`lst`]: image lists, one path and its labels a line
//! - [`params`]: `.params` files, named arrays
//! - [`symbol`]: `-symbol.json`, the graph of operators
//!
//! Not here: decoding an image, shuffling records, or what a parameter means. `data` reads records and
//! lists, `model` reads parameters and symbols.
//!
//! Invariant: no input, however damaged, panics or makes us allocate more than a fixed multiple of its own length.

mod excerpt;
pub mod idx;
pub mod image_record;
pub mod lst;
pub mod params;
pub mod recordio;
pub mod symbol;

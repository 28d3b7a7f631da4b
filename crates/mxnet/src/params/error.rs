//! What can be wrong with a `.params` file.

use super::Dtype;

/// An array file that cannot be read or written. Offsets are bytes from the start of the file; `array` counts from 0.
#[derive(Debug, thiserror::Error)]
pub enum ParamsError {
    /// The bytes end too early.
    #[error("params file ends inside the {field} at byte {offset}: {found} bytes left, {expected} expected")]
    Truncated {
        /// Where the field begins.
        offset: usize,
        /// The field that is cut.
        field: &'static str,
        /// Bytes left.
        found: usize,
        /// Bytes the field has, or at least.
        expected: u64,
    },
    /// Not a `.params` file.
    #[error("not a params file: begins with {found:#x}, expected 0x112")]
    Magic {
        /// The first eight bytes.
        found: u64,
    },
    /// A value that no array can have.
    #[error("array {array} of the params file: {field} at byte {offset} is {found}, expected {expected}")]
    Field {
        /// Which array.
        array: u64,
        /// Where the field begins.
        offset: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        found: i64,
        /// What it may be.
        expected: &'static str,
    },
    /// More elements than a file can hold.
    #[error("array {array} of the params file: shape {shape:?} at byte {offset} has too many elements")]
    Shape {
        /// Which array.
        array: u64,
        /// Where the shape begins.
        offset: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Arrays and names do not pair up.
    #[error("params file has {arrays} arrays but {names} names (byte {offset}), expected one name for each")]
    Names {
        /// Where the number of names stands.
        offset: usize,
        /// Arrays in the file.
        arrays: u64,
        /// Names in the file.
        names: u64,
    },
    /// A name that is not text.
    #[error("params file: name {name:?} at byte {offset} is not UTF-8")]
    NameText {
        /// Where the name begins.
        offset: usize,
        /// The name, made readable.
        name: String,
    },
    /// Two arrays of one name.
    #[error("params file: second array named {name:?} at byte {offset}, expected distinct names")]
    NameTwice {
        /// Where the second name begins.
        offset: usize,
        /// The name.
        name: String,
    },
    /// Bytes after the end.
    #[error("params file: {found} bytes after the last name at byte {offset}, expected none")]
    Trailing {
        /// Where the file should end.
        offset: usize,
        /// Bytes too many.
        found: usize,
    },
    /// An array whose data does not fit its shape.
    #[error("array of shape {shape:?} and type {dtype:?} has {found} bytes, which its shape does not allow")]
    Data {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        dtype: Dtype,
        /// Bytes of data.
        found: usize,
    },
    /// An array that is not of floating-point numbers.
    #[error("array of shape {shape:?} holds {found:?}, expected F32, F64, F16 or Bf16")]
    NotFloat {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        found: Dtype,
    },
    /// The stream below failed.
    #[error("cannot write the params file: {0}")]
    Io(#[from] std::io::Error),
}

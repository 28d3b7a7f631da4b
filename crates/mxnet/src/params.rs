//! `.params` files: named arrays, as MXNet's `NDArray::Save` and `NDArray::Load` keep them.
//!
//! Little-endian, without any alignment: magic 0x112, a reserved word, the arrays, then their names. Arrays have
//! changed layout over the years (see [`Params::read`]); we write version 2, which MXNet 0.12 and later read.
//! Checkpoints name learned parameters `arg:NAME` and moving statistics `aux:NAME`.

mod array;
mod cursor;
mod dtype;
mod error;
mod layout;
mod read;
mod write;

pub use array::NdArray;
pub use dtype::Dtype;
pub use error::ParamsError;

/// Named arrays in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, NdArray)>);

impl Params {
    /// The array of that name, prefix and all (`arg:fc1_weight`).
    pub fn get(&self, name: &str) -> Option<&NdArray> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, array)| array)
    }
}

//! The layout as MXNet's symbol, and back.
//!
//! [`symbol`] gives, node for node, what `symbols/resnet.py` of MXNet's image-classification example builds, so that
//! every reader of the old artifacts reads ours. [`layout`] takes any graph of the family, also with other widths.

mod read;
mod write;

pub use read::layout;
pub use write::symbol;

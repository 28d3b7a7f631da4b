//! The layout as MXNet's symbol, and back.
//!
//! [`symbol`] gives, node for node, what `symbols/resnet.py` of MXNet's image-classification example builds, so that
//! every reader of the old artifacts reads ours; for v1.5, which MXNet's example does not have, a graph in the same
//! operators and names. [`layout`] takes any graph of the family, also with other widths.

mod read;
mod write;

pub use read::layout;
pub use write::symbol;

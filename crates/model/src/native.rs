//! The layers of the processor: our own kernels under burn's tensors.
//!
//! - `switch`: flex or which instructions, for the process and for a test
//! - `values`: burn's tensors as the kernels see them, channels last
//! - `join`: where the gradients of a tensor with two users meet
//! - `convolution`, `norm`, `pool`: each for tensors of flex and, with a node of its own, for those that burn differentiates;
//!   weights that change no more are packed once (`Constant`)
//!
//! Not here: what a layer is (`layer`), sums and products (`kernels`). Called by `layer`, which goes to burn's kernels when a
//! function here gives nothing: on a GPU, in another number format, or where the switch says so.
//! Invariant: tensors keep burn's shape, `[n, channels, height, width]`; only their strides say that channels are last.

mod convolution;
mod join;
mod norm;
mod pool;
mod switch;
mod values;

pub use brazier_kernels::buffer::give_back;
pub(crate) use convolution::{Constant, convolve};
pub use join::{Branch, fork};
pub(crate) use norm::{normalise, train};
pub(crate) use pool::{largest, mean};
pub use switch::{Engine, UnknownEngine, check, with};

use crate::together;

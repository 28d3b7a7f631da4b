//! The layers of the processor: our own kernels under burn's tensors.
//!
//! - `switch`: flex or which instructions, for the process and for a test, and the format of factors
//! - `values`: burn's tensors as the kernels see them, channels last; `factor`: what a convolution multiplies
//! - `join`: what layers hand to layers: a tensor, where the gradients of its two users meet, how it is computed again
//! - `convolution`, `norm`, `pool`, `sum`: each for tensors of flex and, with a node of its own, for those that burn differentiates;
//!   weights that change no more are packed once (`Constant`), norms computed as far as they can be (`Settled`)
//!
//! Not here: what a layer is (`layer`), sums and products (`kernels`). Called by `layer`, which goes to burn's kernels when a
//! function here gives nothing: on a GPU, in another number format, or where the switch says so.
//! Formats: a convolution of an even number of channels gives bfloat16 where [`multiplying`] says so; batch norm and pools give what they take, and every
//! gradient has the format of what it is of.
//! Invariant: tensors keep burn's shape, `[n, channels, height, width]`; only their strides say that channels are last.

mod convolution;
mod factor;
mod join;
mod norm;
mod pool;
mod sum;
mod switch;
mod values;

use burn::tensor::{Device, Tensor};

use crate::together;
pub use brazier_kernels::Format;
pub use brazier_kernels::buffer::give_back;
pub(crate) use convolution::{Constant, convolve};
pub use join::{Branch, fork};
pub(crate) use norm::{Settled, normalise, train};
pub(crate) use pool::{largest, mean};
pub(crate) use sum::rectified_sum;
pub use switch::{Engine, UnknownEngine, check, has_fast_bfloat16, multiplying, with};

/// Whether our kernels compute on a device.
pub fn computes(device: &Device) -> bool {
    switch::path().is_some() && values::Primitive::of(&Tensor::<1>::zeros([1], device)).is_some()
}

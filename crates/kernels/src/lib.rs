//! Convolutions and their kin on the processor, channels last (`[n, h, w, c]`), of float32 or bfloat16. Sums are float32.
//!
//! - [`path`]: which instructions are used; `simd`: a vector of each of them
//! - [`convolution`]: forward, the gradients of data and weights; a linear layer is one of 1x1 pixels
//! - [`norm`]: batch norm with the activation behind it, in training and in use
//! - [`pool`]: maximum and mean; [`sum`]: of two branches
//! - [`format`]: float32 and bfloat16, as factors and as what layers hand to layers
//! - [`buffer`]: memory that is used again
//!
//! Not here: networks, gradients as a graph, burn (`model`). Called by `model`.
//! Invariants: a result depends on the instruction set and the sizes, never on how many threads there are; a kernel that runs
//! again allocates nothing but results that are vectors of channels.

#![allow(
    clippy::needless_range_loop,
    reason = "what iterators hold, a compiler keeps in memory instead of registers"
)]

pub mod buffer;
pub mod convolution;
pub mod error;
pub mod format;
pub mod norm;
pub mod path;
pub mod pool;
mod shared;
mod simd;
pub mod sum;

pub use buffer::Buffer;
pub use convolution::Convolution;
pub use error::ShapeError;
pub use format::{Factors, Format, HalfRows, Halves, Results};
pub use path::Path;

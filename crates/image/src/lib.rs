//! Encoded bytes to pixels to network input, with limits.
//!
//! - [`limits`]: the bounds put on one image before memory is spent on it
//! - [`mod@probe`]: format and size from the header alone
//! - [`mod@decode`]: bytes to 8-bit grey or RGB [`Pixels`]; [`encode`]: the way back, as PNG
//! - [`jpeg`]: our own decoder of baseline JPEG, whole or one [`Region`] of it, bit for bit as libjpeg-turbo
//! - [`size`], [`region`]: how large an image is, and which part of it is meant
//! - [`resize`], [`affine`], [`crop`], [`color`]: the steps, by MXNet's rules and OpenCV's arithmetic
//! - `plan`: the steps joined, so that only what the crop needs is decoded and computed
//! - [`preprocess`]: the one evaluation path, shared by validation and serving
//! - [`augment`]: the training path, random numbers supplied by the caller
//! - `shelter`: panics of other people's decoders become errors
//! - `scratch`: buffers kept from image to image; `simd`: vector instructions, chosen at run time
//!
//! Files, records, batches and threads live in `brazier-data`; the network's normalisation is its own first layer.
//! Callers are `data`, `serve` and the command line. Invariant: the same bytes and the same random numbers give the
//! same pixels on every machine, and no input makes a call panic or allocate beyond its [`Limits`].

pub mod affine;
pub mod augment;
pub mod color;
pub mod crop;
pub mod decode;
pub mod encode;
pub mod error;
pub mod jpeg;
pub mod limits;
pub mod pixels;
mod plan;
pub mod preprocess;
pub mod probe;
pub mod region;
pub mod resize;
mod scratch;
pub mod shape;
mod shelter;
mod simd;
pub mod size;

pub use augment::{Augmentation, TrainTransform};
pub use decode::decode;
pub use error::ImageError;
pub use limits::Limits;
pub use pixels::Pixels;
pub use preprocess::{Fit, Preprocess};
pub use probe::{Format, Probe, probe};
pub use region::Region;
pub use shape::InputShape;
pub use size::Size;

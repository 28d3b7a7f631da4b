//! The ResNet family of MXNet's image classification, and torchvision's, on burn.
//!
//! - [`architecture`], [`layout`]: which units, filters and stem a job asks for, or a saved graph shows
//! - [`layer`]: convolution, batch norm, linear, pooling: the only place that calls kernels, burn's or, on the processor, ours
//!   by way of [`native`]
//! - [`together`]: batch norm over the images of all ranks
//! - [`unit`], [`resnet`]: the network built from them, its forward pass; [`freeze`]: which part of it does not learn
//! - [`initial`]: starting weights, a pure function of seed and parameter name
//! - [`parameters`]: every tensor under its MXNet name, in graph order, out of and into the network
//! - [`loss`]: cross-entropy and how many answers were right
//! - [`graph`]: the layout as an MXNet symbol; [`artifact`], [`metadata`]: what is written for serving;
//!   [`export`]: the same for other programs; `torchvision`: its names of our tensors
//! - [`device`]: processor or GPUs, and what is in the way of the latter
//!
//! Not here: the loop (`train`), pixels (`image`), byte formats (`mxnet`). Called by `train`, `serve` and `cli`.
//! Invariant: parameter names, shapes and order are those of MXNet's graph, whatever burn calls them.

pub mod architecture;
pub mod artifact;
pub mod device;
pub mod error;
pub mod export;
pub mod freeze;
pub mod graph;
pub mod initial;
pub mod layer;
pub mod layout;
pub mod loss;
pub mod metadata;
mod names;
pub mod native;
pub mod parameters;
pub mod resnet;
pub mod together;
mod torchvision;
pub mod unit;

pub use architecture::Architecture;
pub use error::ModelError;
pub use layout::Layout;
pub use resnet::ResNet;

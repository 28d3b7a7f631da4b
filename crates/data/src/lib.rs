//! Channels of samples to batches of pixels.
//!
//! - [`channel`]: a directory to a [`Dataset`], its form found by looking at what it holds
//! - [`source`]: samples by index, from `.rec` files, `.lst` files or augmented manifests with images, MNIST's IDX files, or
//!   class folders; [`sample`]: one of them
//! - [`stream`]: samples as SageMaker's Pipe mode sends them
//! - [`labels`]: every label checked before training starts; [`images`]: some images decoded before it does
//! - [`damage`]: what to do about samples that cannot be read
//! - [`sampler`]: which samples make which batch, a pure function of seed, epoch, step and rank
//! - [`worker`]: threads that decode samples into a [`Batch`], three batches ahead
//! - [`audit`]: a whole data set examined, every fault collected; [`preview`]: pictures of what the network will see
//! - [`im2rec`]: image folders to lists, lists to `.rec` files, as MXNet's tool of that name
//! - [`error`]: what can go wrong, and whose fault it is
//!
//! Byte formats live in `brazier-mxnet`, pixels in `brazier-image`; nothing here knows the network or the platform.
//! Callers are `train` and the command line. Invariant: a batch depends on the data, the seed, the epoch, the step
//! and the rank alone, never on the number of threads or on where a run was resumed.

pub mod audit;
pub mod batch;
pub mod channel;
pub mod damage;
pub mod error;
pub mod im2rec;
pub mod images;
pub mod labels;
pub mod preview;
pub mod sample;
pub mod sampler;
pub mod source;
pub mod stream;
pub mod worker;

pub use batch::Batch;
pub use channel::{ChannelFiles, Dataset, Options, open};
pub use damage::Damage;
pub use error::DataError;
pub use labels::{LabelFormat, Labels, Target};
pub use sample::{Origin, Sample};
pub use sampler::{Cursor, Order, Share, steps_per_epoch};
pub use source::{Access, Source};
pub use stream::Stream;
pub use worker::{Batches, Feed, Loader, TrainPlan};

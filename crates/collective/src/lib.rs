//! Ranks and what they do together.
//!
//! - [`Collective`]: the trait that the training loop sees: all-reduce, broadcast, all-gather, barrier, abort
//! - [`Single`]: one rank, nothing to do
//! - [`Threads`]: the ranks of one process, over channels; for several devices in a host, and for tests
//! - [`ring::Ring`]: the ranks of several processes and hosts, over TCP
//! - `nccl::Nccl`, with the feature `cuda`: a ring whose ranks have a GPU each, with NCCL between the GPUs
//! - [`CollectiveError`]: what each rank learns when another one is gone or does something else
//!
//! Which hosts a job has is not found out here, and gradients are plain slices: only `train` and `cli` call this.
//! Invariants: every rank gets the same bits from the same call; a rank that is gone is an error on all the
//! others, by its number, and never a wait without end.

mod error;
#[cfg(feature = "cuda")]
pub mod nccl;
mod on_device;
pub mod ring;
mod single;
mod threads;
mod traffic;

pub use error::{CollectiveError, Operation};
pub use on_device::OnDevice;
pub use single::Single;
pub use threads::Threads;
pub use traffic::{Traffic, Wire};

/// One rank's end of the group.
///
/// All ranks make the same calls in the same order. After an error the group is broken: every further call
/// returns that error, and the other ranks learn of it.
pub trait Collective: Send {
    /// Our number, from 0 to `world - 1`.
    fn rank(&self) -> usize;

    /// Number of ranks.
    fn world(&self) -> usize;

    /// Replaces `values` by their sum over all ranks, element by element. All ranks give the same length and
    /// the same `wire`.
    fn all_reduce_sum(&mut self, values: &mut [f32], wire: Wire) -> Result<(), CollectiveError>;

    /// Whether values can be summed where they lie, on the ranks' devices.
    fn reaches_devices(&self) -> bool {
        false
    }

    /// Replaces `values` by their sum over all ranks, on the devices. Their number is the same on all ranks.
    ///
    /// # Errors
    /// Also a group that does not reach its ranks' devices.
    fn all_reduce_on_device(&mut self, values: OnDevice) -> Result<(), CollectiveError> {
        let why = format!("no way between them for {} values", values.len());
        Err(CollectiveError::Devices { rank: self.rank(), why })
    }

    /// Replaces `bytes` by those of rank `root`, of whatever length.
    fn broadcast(&mut self, root: usize, bytes: &mut Vec<u8>) -> Result<(), CollectiveError>;

    /// Every rank's bytes, in the order of ranks; each may give another length.
    fn all_gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, CollectiveError>;

    /// Returns once every rank has called it.
    fn barrier(&mut self) -> Result<(), CollectiveError>;

    /// Leaves the group after an error of our own; the others learn `reason` at once, with our rank and name.
    fn abort(&mut self, reason: &str);

    /// What the operations so far have cost.
    fn spent(&self) -> Traffic {
        Traffic::default()
    }
}

//! Batch norm over the images of all ranks.
//!
//! Mean and variance come from what all ranks sum, and so do the means in the gradient. A rank's loss is the mean over its own
//! images, and its gradients are weighed by its part of the step's images only when the ranks' are summed: within the
//! backward pass a rank's sums are weighed by that part, and the total is divided by it.
//!
//! `norm` is burn's batch norm with these sums in it, [`crate::native`] does the same with our own kernels. Numbers meet on the
//! hosts: a GPU waits for them twice in each batch norm, on the way there and on the way back.

mod norm;

use brazier_kernels::norm::{Statistics, Sums};
use scoped_tls_hkt::scoped_thread_local;

pub(crate) use norm::train;

/// The other ranks during a step. All ranks compute the same layers in the same order.
pub trait Peers {
    /// This rank's part of the step's images.
    fn share(&self) -> f64;

    /// Replaces values by their sums over all ranks. Where a rank is gone they stay as they are: whoever made the peers knows.
    fn sum(&mut self, values: &mut [f32]);
}

scoped_thread_local!(static mut PEERS: for<'a> &'a mut (dyn Peers + 'a));

/// Runs forward and backward passes on this thread whose batch norms count the images of all ranks.
pub fn together<T>(peers: &mut dyn Peers, work: impl FnOnce() -> T) -> T {
    PEERS.set(peers, work)
}

/// Those of all ranks, of which `own` are ours, of so many pixels.
pub(crate) fn statistics(own: Statistics, pixels: usize) -> Statistics {
    if !PEERS.is_set() {
        return own;
    }
    PEERS.with(|peers| {
        let count = pixels as f32;
        // The count comes last: it is summed along.
        let mut sums: Vec<f32> = own.mean.iter().map(|mean| mean * count).chain([count]).collect();
        peers.sum(&mut sums);
        let all = sums.pop().unwrap_or(count);
        let mean: Vec<f32> = sums.iter().map(|sum| sum / all).collect();
        // Deviations from the common mean: the square of a mean that is large beside them would swallow them.
        let apart = own.mean.iter().zip(&mean).map(|(own, mean)| own - mean);
        let mut squares: Vec<f32> = own
            .variance
            .iter()
            .zip(apart)
            .map(|(variance, apart)| (variance + apart * apart) * count)
            .collect();
        peers.sum(&mut squares);
        let variance = squares.iter().map(|sum| sum / all).collect();
        Statistics { mean, variance }
    })
}

/// Those of all ranks as this rank's gradients need them.
pub(crate) fn sums(own: &Sums) -> Option<Sums> {
    if !PEERS.is_set() {
        return None;
    }
    PEERS.with(|peers| {
        let (share, channels) = (peers.share(), own.plain.len());
        let weighed = own.plain.iter().chain(&own.by_deviation).map(|sum| (sum * share) as f32);
        let mut all: Vec<f32> = weighed.chain([own.pixels as f32]).collect();
        peers.sum(&mut all);
        let back = |sum: &f32| f64::from(*sum) / share;
        Some(Sums {
            pixels: all.last().map_or(own.pixels, |&pixels| f64::from(pixels)),
            plain: all[..channels].iter().map(back).collect(),
            by_deviation: all[channels..2 * channels].iter().map(back).collect(),
        })
    })
}

//! A group of one.

use crate::error::check_root;
use crate::{Collective, CollectiveError, Wire};

/// The only rank there is: its sum is its own, and it waits for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Single;

impl Collective for Single {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn all_reduce_sum(&mut self, _values: &mut [f32], _wire: Wire) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn broadcast(&mut self, root: usize, _bytes: &mut Vec<u8>) -> Result<(), CollectiveError> {
        check_root(root, 1)
    }

    fn all_gather(&mut self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, CollectiveError> {
        Ok(vec![bytes])
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// Nobody is there to be told.
    fn abort(&mut self, _reason: &str) {}
}

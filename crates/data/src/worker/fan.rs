//! One reader for all ranks of a host, of what can be read but once.

use std::sync::{Mutex, PoisonError};

use super::Batches;
use crate::DataError;

/// The batches of an epoch that some ranks have not come for yet.
///
/// Ranks take the same steps, so none comes for an epoch before all have come for the one before.
#[derive(Debug, Default)]
pub(super) struct Fan(Mutex<Vec<Option<Batches>>>);

impl Fan {
    /// Those of rank `number`, counted on this host; who comes first begins them for all.
    pub(super) fn take(
        &self,
        number: usize,
        begin: impl FnOnce() -> Result<Vec<Batches>, DataError>,
    ) -> Result<Batches, DataError> {
        // A panic elsewhere leaves batches that are still right.
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().all(Option::is_none) {
            *waiting = begin()?.into_iter().map(Some).collect();
        }
        let own = waiting.get_mut(number).and_then(Option::take);
        own.ok_or_else(|| DataError::Threads { reason: format!("rank {number} came twice for an epoch") })
    }
}

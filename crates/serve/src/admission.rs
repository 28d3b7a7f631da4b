//! How much work is let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::RequestError;

/// The places of requests that wait for their answer. There is no queue before them: who finds none free is told so
/// at once and can ask another server, while one more in a long queue would only time out later.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    limit: usize,
}

impl Places {
    pub(crate) fn new(limit: usize) -> Self {
        Places { free: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A place until the permit is dropped.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, RequestError> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| RequestError::Busy { limit: self.limit })
    }

    /// Places taken now.
    pub(crate) fn taken(&self) -> usize {
        self.limit.saturating_sub(self.free.available_permits())
    }
}

/// The memory for all bodies that are being received or wait to be decoded.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    held: AtomicUsize,
    limit: usize,
}

impl BodyMemory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(BodyMemory { held: AtomicUsize::new(0), limit })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// What every body may hold, however full the memory is: a digit's PNG has some hundred bytes, and large bodies that
/// come slowly shall not keep small ones out. Beyond the limit that is at most 64 MiB for a thousand connections.
const ALWAYS: usize = 64 << 10;

/// One body's part of [`BodyMemory`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<BodyMemory>,
    bytes: usize,
}

impl Share {
    pub(crate) fn of(memory: &Arc<BodyMemory>) -> Self {
        Share { memory: Arc::clone(memory), bytes: 0 }
    }

    /// Takes `bytes` more: those that have come, not those that were announced, which cost nothing to announce.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), RequestError> {
        let before = self.memory.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        match self.bytes > ALWAYS && before.saturating_add(bytes) > self.memory.limit {
            true => Err(RequestError::BodyMemory { limit: self.memory.limit }),
            false => Ok(()),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_its_permit_is_dropped() {
        let places = Places::new(2);
        let (first, _second) = (places.take().unwrap(), places.take().unwrap());
        assert!(matches!(places.take(), Err(RequestError::Busy { limit: 2 })));
        assert_eq!(places.taken(), 2);
        drop(first);
        assert_eq!(places.taken(), 1);
        assert!(places.take().is_ok());
    }

    #[test]
    fn bodies_share_one_memory() {
        let memory = BodyMemory::new(10 * ALWAYS);
        let (mut one, mut two) = (Share::of(&memory), Share::of(&memory));
        one.grow(4 * ALWAYS).unwrap();
        two.grow(6 * ALWAYS).unwrap();
        let mut small = Share::of(&memory);
        small.grow(ALWAYS).unwrap();
        assert!(matches!(small.grow(1), Err(RequestError::BodyMemory { .. })), "a small one that grew");
        drop(small);
        assert!(matches!(one.grow(1), Err(RequestError::BodyMemory { limit }) if limit == 10 * ALWAYS));
        drop(one);
        assert_eq!(memory.held(), 6 * ALWAYS);
        two.grow(4 * ALWAYS).unwrap();
        drop(two);
        assert_eq!(memory.held(), 0);
    }
}

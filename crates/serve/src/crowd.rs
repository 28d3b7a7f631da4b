//! Which connections are open, and which of them can go.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::paced::Progress;

/// The open connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<Vec<Progress>>);

/// A connection's place in the crowd, given back when dropped.
#[derive(Debug)]
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    progress: Progress,
}

impl Crowd {
    /// One connection more.
    pub(crate) fn join(self: &Arc<Self>, progress: Progress) -> Member {
        self.0.lock().push(progress.clone());
        Member { crowd: Arc::clone(self), progress }
    }

    /// Ends the connection that has waited for a request the longest; false if each is being answered.
    pub(crate) fn dismiss(&self) -> bool {
        let open = self.0.lock();
        let waiting = open.iter().filter_map(|progress| Some((progress.waits_since()?, progress)));
        let longest = waiting.min_by_key(|(since, _)| *since);
        longest.is_some_and(|(_, progress)| progress.dismiss())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.0.lock().retain(|progress| !progress.is(&self.progress));
    }
}

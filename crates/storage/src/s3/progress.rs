//! How far a transfer is, in lines.

use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells how far a transfer is, now and then and at its end.
pub struct Progress {
    tell: Box<dyn FnMut(&str)>,
    verb: &'static str,
    total: u64,
    done: u64,
    start: Instant,
    last: Instant,
}

impl Progress {
    /// Lines go to `tell`.
    pub fn new(tell: impl FnMut(&str) + 'static) -> Self {
        let now = Instant::now();
        Self { tell: Box::new(tell), verb: "", total: 0, done: 0, start: now, last: now }
    }

    /// No lines.
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// A transfer of `total` bytes begins.
    pub(super) fn begin(&mut self, verb: &'static str, total: u64) {
        (self.verb, self.total, self.done) = (verb, total, 0);
        (self.start, self.last) = (Instant::now(), Instant::now());
    }

    /// So many more bytes are there.
    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.last.elapsed() >= PAUSE {
            self.last = Instant::now();
            (self.tell)(&format!("{}: {:.1} of {:.1} MB", self.verb, mega(self.done), mega(self.total)));
        }
    }

    /// All is there.
    pub(super) fn end(&mut self, what: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let size = mega(self.total);
        (self.tell)(&format!("{}: {what}, {size:.1} MB in {seconds:.1} s", self.verb));
    }
}

fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

//! Where our operations are: written by them, read by the watch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::message::Position;

/// One number or flag at a time; nothing depends on their order.
#[derive(Debug, Default)]
pub struct Progress {
    sequence: AtomicU64,
    inside: AtomicBool,
    hungry: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Progress {
    /// Begins an operation and returns its number, from 1.
    pub fn begin(&self) -> u64 {
        self.inside.store(true, Relaxed);
        self.sequence.fetch_add(1, Relaxed) + 1
    }

    pub fn end(&self) {
        self.hungry.store(false, Relaxed);
        self.inside.store(false, Relaxed);
    }

    /// Operations begun.
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Relaxed)
    }

    pub fn hungry(&self, hungry: bool) {
        self.hungry.store(hungry, Relaxed);
    }

    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub fn position(&self) -> Position {
        Position {
            sequence: self.sequence(),
            inside: self.inside.load(Relaxed),
            hungry: self.hungry.load(Relaxed),
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
        }
    }
}

//! Which models there are, and which of them are in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::Woken;
use crate::{Engine, State};

/// A model that was loaded.
#[derive(Debug)]
pub(super) struct Entry {
    pub url: PathBuf,
    /// Of its weights.
    pub bytes: u64,
    /// None while it rests.
    pub engine: Option<Arc<Engine>>,
    /// Where it is told what came of waking it, while somebody does that.
    pub waking: Option<watch::Receiver<Woken>>,
    /// The later, the larger.
    used: u64,
}

impl Entry {
    /// The engine, None if the model rests. One that broke down is dropped: it would refuse every request for ever.
    pub fn awake(&mut self) -> Option<Arc<Engine>> {
        if self.engine.as_ref().is_some_and(|engine| matches!(engine.state(), State::Failed(_))) {
            self.engine = None;
        }
        self.engine.clone()
    }

    /// Where to wait for it, if somebody wakes it already.
    pub fn waking(&self) -> Option<watch::Receiver<Woken>> {
        // A closed one belongs to a task that ended before its time.
        self.waking.clone().filter(|waking| waking.has_changed().is_ok())
    }
}

/// The models by name.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub entries: BTreeMap<String, Entry>,
    clock: u64,
}

impl Table {
    /// The model that a request asks for.
    pub fn asked(&mut self, name: &str) -> Option<&mut Entry> {
        self.clock += 1;
        let entry = self.entries.get_mut(name)?;
        entry.used = self.clock;
        Some(entry)
    }

    /// A model that was just read.
    pub fn insert(&mut self, name: &str, url: &Path, engine: Arc<Engine>, bytes: u64) {
        self.clock += 1;
        let (url, used) = (url.to_owned(), self.clock);
        self.entries.insert(name.to_owned(), Entry { url, bytes, engine: Some(engine), waking: None, used });
    }

    /// The models in memory.
    pub fn in_memory(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.engine.is_some())
    }

    /// Bytes of all weights in memory.
    pub fn bytes(&self) -> u64 {
        self.in_memory().map(|entry| entry.bytes).sum()
    }

    /// Takes the engine that was asked for the longest ago out of the table: of those that nobody uses, or, with
    /// `in_use`, if there is none, of the others.
    pub fn least_used(&mut self, in_use: bool) -> Option<Arc<Engine>> {
        // Whoever uses an engine holds it too, and gets it only through this table.
        let used = |entry: &Entry| entry.engine.as_ref().is_some_and(|engine| Arc::strong_count(engine) > 1);
        let there = self.entries.values_mut().filter(|entry| entry.engine.is_some());
        let mine = there.filter(|entry| in_use || !used(entry));
        mine.min_by_key(|entry| (used(entry), entry.used))?.engine.take()
    }
}

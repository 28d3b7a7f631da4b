//! Models that come and go while the server runs, within a bound on their memory.
//!
//! A model that was not asked for the longest gives its memory to one that is: it *rests*. It stays loaded as far as
//! the platform knows, and is read again when a request for it comes, which takes a tenth of a second for a ResNet-18.
//! Without that the platform, which keeps its own list, would send requests to a model that is gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use parking_lot::Mutex as TableLock;
use tokio::sync::{Mutex, MutexGuard};

use crate::artifact::stored_bytes;
use crate::media::shortened;
use crate::turn::Turn;
use crate::{Engine, Predictor, RequestError};

/// Models on one page of the list.
const PAGE: usize = 100;

/// A model that was loaded.
#[derive(Debug)]
struct Entry {
    url: PathBuf,
    /// Of its weights; on disk as long as they were not read.
    bytes: u64,
    /// None while it rests.
    engine: Option<Arc<Engine>>,
    /// The later, the larger.
    used: u64,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<String, Entry>,
    clock: u64,
}

/// The models of a multi-model endpoint.
#[derive(Debug)]
pub struct Models {
    device: Device,
    limit: u64,
    turn: Turn,
    table: TableLock<Table>,
    /// Held by who changes what is in memory: one model is read at a time.
    change: Mutex<()>,
}

/// Where a model came from, for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name it was loaded under.
    pub name: String,
    /// The folder it was loaded from.
    pub url: PathBuf,
}

impl Models {
    /// No model yet. Weights in memory stay below `limit` bytes.
    pub fn new(device: Device, limit: u64) -> Self {
        Models { device, limit, turn: Turn::default(), table: TableLock::default(), change: Mutex::default() }
    }

    /// Loads the model at `url` under `name`, and returns when it is warm.
    ///
    /// # Errors
    /// The name is taken, the model cannot be loaded, or there is no room for it.
    pub async fn load(&self, name: &str, url: &Path) -> Result<(), RequestError> {
        let change = self.change.lock().await;
        if self.table.lock().entries.contains_key(name) {
            return Err(RequestError::Loaded { name: shortened(name) });
        }
        let (engine, bytes) = self.read(url, &change).await?;
        let mut table = self.table.lock();
        let used = table.tick();
        let entry = Entry { url: url.to_owned(), bytes, engine: Some(engine), used };
        table.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Forgets the model; its memory is free on return, after the requests that it was computing.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn unload(&self, name: &str) -> Result<(), RequestError> {
        let _change = self.change.lock().await;
        let entry = self.table.lock().entries.remove(name).ok_or(RequestError::Unloaded)?;
        if let Some(engine) = entry.engine {
            engine.close().await;
        }
        Ok(())
    }

    /// One loaded model.
    ///
    /// # Errors
    /// There is no such model.
    pub fn describe(&self, name: &str) -> Result<Description, RequestError> {
        let table = self.table.lock();
        let entry = table.entries.get(name).ok_or(RequestError::Unloaded)?;
        Ok(Description { name: name.to_owned(), url: entry.url.clone() })
    }

    /// Up to a hundred loaded models after the name `token`, and the token for the next ones, if there are any.
    pub fn list(&self, token: Option<&str>) -> (Vec<Description>, Option<String>) {
        let table = self.table.lock();
        let after = table.entries.iter().filter(|(name, _)| token.is_none_or(|token| name.as_str() > token));
        let mut page: Vec<Description> = after
            .take(PAGE + 1)
            .map(|(name, entry)| Description { name: name.clone(), url: entry.url.clone() })
            .collect();
        let more = page.len() > PAGE;
        page.truncate(PAGE);
        let token = page.last().filter(|_| more).map(|last| last.name.clone());
        (page, token)
    }

    /// The engine of `name`, read again if it rests.
    pub(crate) async fn engine(&self, name: &str) -> Result<Arc<Engine>, RequestError> {
        if let Some(engine) = self.awake(name)? {
            return Ok(engine);
        }
        let change = self.change.lock().await;
        // Somebody else may have woken or unloaded it meanwhile.
        if let Some(engine) = self.awake(name)? {
            return Ok(engine);
        }
        let url = self.describe(name)?.url;
        let (engine, bytes) = self.read(&url, &change).await?;
        let mut table = self.table.lock();
        let used = table.tick();
        let entry = table.entries.get_mut(name).ok_or(RequestError::Unloaded)?;
        (entry.engine, entry.bytes, entry.used) = (Some(Arc::clone(&engine)), bytes, used);
        Ok(engine)
    }

    /// The engine of `name`, None if it rests.
    fn awake(&self, name: &str) -> Result<Option<Arc<Engine>>, RequestError> {
        let mut table = self.table.lock();
        let used = table.tick();
        let entry = table.entries.get_mut(name).ok_or(RequestError::Unloaded)?;
        entry.used = used;
        Ok(entry.engine.clone())
    }

    /// Reads a model into memory that was made free for it.
    async fn read(
        &self,
        url: &Path,
        change: &MutexGuard<'_, ()>,
    ) -> Result<(Arc<Engine>, u64), RequestError> {
        self.make_room(stored_bytes(url), change).await?;
        let (path, device) = (url.to_owned(), self.device.clone());
        let engine = Engine::start_on(self.turn.clone(), move || Predictor::load(&path, &device));
        let signature = engine.ready().await.map_err(RequestError::Load)?;
        // What is packed is larger in memory.
        if let Err(error) = self.make_room(signature.bytes(), change).await {
            engine.close().await;
            return Err(error);
        }
        Ok((Arc::new(engine), signature.bytes()))
    }

    /// Lays models to rest until `needed` bytes more are within the limit.
    async fn make_room(&self, needed: u64, _change: &MutexGuard<'_, ()>) -> Result<(), RequestError> {
        loop {
            let idle = {
                let mut table = self.table.lock();
                if table.bytes().saturating_add(needed) <= self.limit {
                    return Ok(());
                }
                table.least_used()
            };
            match idle {
                Some(engine) => engine.close().await,
                None => return Err(RequestError::ModelMemory { needed, limit: self.limit }),
            }
        }
    }

    /// Models in memory now.
    pub(crate) fn in_memory(&self) -> usize {
        self.table.lock().entries.values().filter(|entry| entry.engine.is_some()).count()
    }

    /// The device that all models share.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Bytes of all weights in memory.
    fn bytes(&self) -> u64 {
        self.entries.values().filter(|entry| entry.engine.is_some()).map(|entry| entry.bytes).sum()
    }

    /// Takes the engine that was asked for the longest ago out of the table, of those that nobody uses.
    fn least_used(&mut self) -> Option<Arc<Engine>> {
        let unused = self.entries.values_mut().filter(|entry| {
            // Whoever uses an engine holds it too, and gets it only through this table.
            entry.engine.as_ref().is_some_and(|engine| Arc::strong_count(engine) == 1)
        });
        unused.min_by_key(|entry| entry.used)?.engine.take()
    }
}

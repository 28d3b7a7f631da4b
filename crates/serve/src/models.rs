//! Models that come and go while the server runs, within a bound on their memory.
//!
//! A model that was not asked for the longest gives its memory to one that is: it *rests*. It stays loaded as far as
//! the platform knows, and is read again when a request for it comes, which takes a tenth of a second for a ResNet-18.
//! Without that the platform, which keeps its own list, would send requests to a model that is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use brazier_model::native::Format;
use burn::tensor::Device;
use parking_lot::Mutex as TableLock;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::{task, time};

use crate::artifact::stored_bytes;
use crate::media::shortened;
use crate::turn::Turn;
use crate::{Engine, EngineFailure, LoadError, Predictor, RequestError, memory};

mod table;

use table::Table;

/// Models on one page of the list.
const PAGE: usize = 100;

/// Between two looks at whether the last request has let go of a model.
const LOOK: Duration = Duration::from_millis(1);

/// The models of a multi-model endpoint: a handle, whose copies mean the same models.
#[derive(Debug, Clone)]
pub struct Models(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    device: Device,
    format: Format,
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

/// Why a model is not in memory, for all who wait for it.
#[derive(Debug, Clone)]
enum Refusal {
    Unloaded,
    Failed(EngineFailure),
    Full { needed: u64, limit: u64 },
}

/// What waking a model came to; None while it wakes.
type Woken = Option<Result<Arc<Engine>, Refusal>>;

/// Whether room is made by models in use too, once their requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// A load that finds no room fails: the platform hears so and unloads what it wants.
    None,
    /// A request waits.
    ForRequests,
}

impl Models {
    /// No model yet; their convolutions will multiply numbers of `format`. Weights in memory, counted as their
    /// files have them, stay below `limit` bytes; for the processor a 3x3 convolution may hold 16 values for 9.
    pub fn new(device: Device, format: Format, limit: u64) -> Self {
        let (turn, table, change) = (Turn::default(), TableLock::default(), Mutex::default());
        Models(Arc::new(Shared { device, format, limit, turn, table, change }))
    }

    /// Loads the model at `url` under `name`, and returns when it is warm. To be called on a task of its own: what the
    /// future began, reading a model, goes on when it is dropped.
    ///
    /// # Errors
    /// The name is empty or taken, the model cannot be loaded, or there is no room for it.
    pub async fn load(&self, name: &str, url: &Path) -> Result<(), RequestError> {
        if name.is_empty() {
            return Err(RequestError::LoadRequest("the model's name is empty".into()));
        }
        let change = self.0.change.lock().await;
        if self.0.table.lock().entries.contains_key(name) {
            return Err(RequestError::Loaded { name: shortened(name) });
        }
        let (engine, bytes) = self.0.read(url, Patience::None, &change).await?;
        self.0.table.lock().insert(name, url, engine, bytes);
        Ok(())
    }

    /// Forgets the model; its memory is free on return, after the requests that it was computing. To be called on a
    /// task of its own, as [`Models::load`].
    ///
    /// # Errors
    /// There is no such model.
    pub async fn unload(&self, name: &str) -> Result<(), RequestError> {
        let _change = self.0.change.lock().await;
        let entry = self.0.table.lock().entries.remove(name).ok_or(RequestError::Unloaded)?;
        if let Some(engine) = entry.engine {
            retire(engine).await;
        }
        Ok(())
    }

    /// One loaded model.
    ///
    /// # Errors
    /// There is no such model.
    pub fn describe(&self, name: &str) -> Result<Description, RequestError> {
        let table = self.0.table.lock();
        let entry = table.entries.get(name).ok_or(RequestError::Unloaded)?;
        Ok(Description { name: name.to_owned(), url: entry.url.clone() })
    }

    /// Up to a hundred loaded models after the name `token`, and the token for the next ones, if there are any.
    pub fn list(&self, token: Option<&str>) -> (Vec<Description>, Option<String>) {
        let table = self.0.table.lock();
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

    /// The engine of `name`, read again if it rests. However many ask and leave meanwhile, it is read once.
    pub(crate) async fn engine(&self, name: &str) -> Result<Arc<Engine>, RequestError> {
        let mut woken = {
            let mut table = self.0.table.lock();
            let entry = table.asked(name).ok_or(RequestError::Unloaded)?;
            if let Some(engine) = entry.awake() {
                return Ok(engine);
            }
            entry.waking().unwrap_or_else(|| {
                let (done, woken) = watch::channel(None);
                entry.waking = Some(woken.clone());
                // Not in the request's own future, which ends when its client leaves: the model would go on being
                // read, known to nobody, and the next request would read it once more.
                task::spawn(Arc::clone(&self.0).wake(name.to_owned(), done));
                woken
            })
        };
        let found = woken.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        found.unwrap_or(Err(Refusal::Failed(EngineFailure::Gone))).map_err(RequestError::from)
    }

    /// Models in memory now.
    pub(crate) fn in_memory(&self) -> usize {
        self.0.table.lock().in_memory().count()
    }

    /// The device that all models share.
    pub(crate) fn turn(&self) -> &Turn {
        &self.0.turn
    }
}

impl Shared {
    /// Reads `name` again and tells `done` what came of it.
    async fn wake(self: Arc<Self>, name: String, done: watch::Sender<Woken>) {
        let change = self.change.lock().await;
        // It may have been unloaded meanwhile, and loaded again.
        let found = self.table.lock().entries.get_mut(&name).map(|entry| (entry.url.clone(), entry.awake()));
        let read = match found {
            None => Err(Refusal::Unloaded),
            Some((_, Some(engine))) => Ok((engine, None)),
            Some((url, None)) => {
                let read = self.read(&url, Patience::ForRequests, &change).await;
                read.map(|(engine, bytes)| (engine, Some(bytes)))
            }
        };
        let mut table = self.table.lock();
        if let Some(entry) = table.entries.get_mut(&name) {
            entry.waking = None;
            if let Ok((engine, Some(bytes))) = &read {
                (entry.engine, entry.bytes) = (Some(Arc::clone(engine)), *bytes);
            }
        }
        drop(table);
        done.send_replace(Some(read.map(|(engine, _)| engine)));
    }

    /// Reads a model into memory that was made free for it.
    async fn read(
        &self,
        url: &Path,
        patience: Patience,
        change: &MutexGuard<'_, ()>,
    ) -> Result<(Arc<Engine>, u64), Refusal> {
        // Opening a pipe waits until somebody writes to it, with all other models waiting too.
        if url.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let error = LoadError::Kind { path: url.to_owned() };
            return Err(Refusal::Failed(EngineFailure::Load(Arc::new(error))));
        }
        self.make_room(stored_bytes(url), patience, change).await?;
        let (path, device, format) = (url.to_owned(), self.device.clone(), self.format);
        let load = move || Predictor::load_in(&path, &device, format);
        let engine = Engine::start_on(self.turn.clone(), load);
        let signature = engine.ready().await.map_err(Refusal::Failed)?;
        // What is packed is larger in memory.
        if let Err(refusal) = self.make_room(signature.bytes(), patience, change).await {
            engine.close().await;
            return Err(refusal);
        }
        Ok((Arc::new(engine), signature.bytes()))
    }

    /// Lays models to rest until `needed` bytes more are within the limit.
    async fn make_room(
        &self,
        needed: u64,
        patience: Patience,
        _change: &MutexGuard<'_, ()>,
    ) -> Result<(), Refusal> {
        loop {
            let leaving = {
                let mut table = self.table.lock();
                if table.bytes().saturating_add(needed) <= self.limit {
                    return Ok(());
                }
                // One that is too large for an empty memory need not empty it.
                let fits = needed <= self.limit;
                fits.then(|| table.least_used(patience == Patience::ForRequests)).flatten()
            };
            match leaving {
                Some(engine) => retire(engine).await,
                None => return Err(Refusal::Full { needed, limit: self.limit }),
            }
        }
    }
}

/// Ends an engine that is in the table no more, after the requests that found it there: each has a deadline.
async fn retire(engine: Arc<Engine>) {
    while Arc::strong_count(&engine) > 1 {
        time::sleep(LOOK).await;
    }
    engine.close().await;
    memory::give_back();
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unloaded => RequestError::Unloaded,
            Refusal::Failed(failure) => RequestError::Load(failure),
            Refusal::Full { needed, limit } => RequestError::ModelMemory { needed, limit },
        }
    }
}

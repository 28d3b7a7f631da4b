//! The one thread that owns a predictor, and the queue before it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot, watch};

use crate::batch::{self, Job, MAX_BATCH, Prediction};
use crate::predictor::Answer;
use crate::turn::Turn;
use crate::{EngineFailure, LoadError, PredictError, Predictor, RequestError, Signature};

#[cfg(test)]
mod tests;

/// Images that may wait: two batches. Whoever comes next waits to be let in, and its pixels with it.
const QUEUE: usize = 2 * MAX_BATCH;

/// How far the engine is.
#[derive(Debug, Clone)]
pub enum State {
    /// The model is being read and warmed up.
    Loading,
    /// Requests are answered.
    Ready(Arc<Signature>),
    /// Nothing will be answered any more.
    Failed(EngineFailure),
}

/// A predictor on a thread of its own, asked by messages.
///
/// The thread ends when the engine is closed or dropped, and the queue is empty.
#[derive(Debug)]
pub struct Engine {
    state: watch::Receiver<State>,
    /// None once closed.
    jobs: RwLock<Option<mpsc::Sender<Job>>>,
    turn: Turn,
}

impl Engine {
    /// Starts the thread, which calls `load`, warms the predictor up and then answers. Returns at once, so that a
    /// port can open while a large model loads.
    pub fn start(load: impl FnOnce() -> Result<Predictor, LoadError> + Send + 'static) -> Self {
        Self::start_on(Turn::default(), load)
    }

    /// As [`Engine::start`], on a device that other engines use too.
    pub(crate) fn start_on(
        turn: Turn,
        load: impl FnOnce() -> Result<Predictor, LoadError> + Send + 'static,
    ) -> Self {
        Self::launch(turn, move || {
            let predictor = load()?;
            // The file's bytes are gone; the first image packs the weights, which takes as much again.
            crate::memory::give_back();
            predictor.warm_up().map_err(LoadError::WarmUp)?;
            Ok((predictor.signature(), move |pixels, n| predictor.answers(pixels, n)))
        })
    }

    /// As [`Engine::start`], for anything that predicts.
    fn launch<F, P>(turn: Turn, load: F) -> Self
    where
        F: FnOnce() -> Result<(Arc<Signature>, P), LoadError> + Send + 'static,
        P: Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>,
    {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let (report, state) = watch::channel(State::Loading);
        let report = Arc::new(report);
        let body = {
            let (report, turn) = (Arc::clone(&report), turn.clone());
            move || {
                let work = AssertUnwindSafe(|| work(load, &mut queue, &report, &turn));
                let failure = match catch_unwind(work) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => EngineFailure::Load(Arc::new(error)),
                    Err(panic) => EngineFailure::Panic(panic_text(panic.as_ref())),
                };
                // Before the queue is dropped: who then loses its place asks the state why.
                report.send_replace(State::Failed(failure));
            }
        };
        if let Err(error) = thread::Builder::new().name("engine".into()).spawn(body) {
            report.send_replace(State::Failed(EngineFailure::Thread(error.to_string())));
        }
        Engine { state, jobs: RwLock::new(Some(jobs)), turn }
    }

    /// The device it computes on.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Takes no more images, answers those in the queue, and returns once the model's memory is free.
    pub(crate) async fn close(&self) {
        drop(self.jobs.write().take());
        let mut state = self.state.clone();
        // Its sender goes last of all in the thread.
        while state.changed().await.is_ok() {}
    }

    /// How far the engine is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The signature, once the model is loaded.
    ///
    /// # Errors
    /// The engine cannot answer any more.
    pub async fn ready(&self) -> Result<Arc<Signature>, EngineFailure> {
        match self.wait_for(|state| !matches!(state, State::Loading)).await {
            State::Ready(signature) => Ok(signature),
            State::Failed(failure) => Err(failure),
            State::Loading => Err(EngineFailure::Gone),
        }
    }

    /// Waits for the engine to fail; for ever if it does not.
    pub async fn failed(&self) -> EngineFailure {
        match self.wait_for(|state| matches!(state, State::Failed(_))).await {
            State::Failed(failure) => failure,
            State::Loading | State::Ready(_) => EngineFailure::Gone,
        }
    }

    /// The probabilities of every class for one image of H x W x C bytes. Dropping the future takes the image out of
    /// the queue.
    ///
    /// # Errors
    /// The model is not ready, closed, or has no finite answer.
    pub async fn predict(&self, pixels: Vec<u8>) -> Result<Prediction, RequestError> {
        let expected = match self.state() {
            State::Loading => return Err(RequestError::Loading),
            State::Failed(failure) => return Err(RequestError::Failed(failure)),
            State::Ready(signature) => signature.shape().len(),
        };
        // Here, because in a batch it would shift the images behind it.
        if pixels.len() != expected {
            return Err(PredictError::Pixels { found: pixels.len(), expected }.into());
        }
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.read().clone().ok_or(RequestError::Unloaded)?;
        if jobs.send(Job { pixels, asked: Instant::now(), reply }).await.is_err() {
            return Err(RequestError::Failed(self.failed().await));
        }
        drop(jobs);
        match answer.await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(RequestError::Failed(self.failed().await)),
        }
    }

    /// The first state that `matches`, or the last one of a thread that is gone.
    async fn wait_for(&self, matches: impl FnMut(&State) -> bool) -> State {
        let mut state = self.state.clone();
        match state.wait_for(matches).await {
            Ok(found) => found.clone(),
            Err(_) => self.state(),
        }
    }
}

/// The thread's life: load, then answer batches until nobody can ask any more.
fn work<P>(
    load: impl FnOnce() -> Result<(Arc<Signature>, P), LoadError>,
    queue: &mut mpsc::Receiver<Job>,
    report: &watch::Sender<State>,
    turn: &Turn,
) -> Result<(), LoadError>
where
    P: Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>,
{
    let (signature, predict) = load()?;
    crate::memory::give_back();
    report.send_replace(State::Ready(signature));
    while let Some(first) = queue.blocking_recv() {
        let _turn = turn.take();
        let batch = batch::gather(first, queue);
        if !batch.is_empty() {
            turn.count(batch.len());
            batch::answer(batch, &predict);
        }
    }
    Ok(())
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

//! The one thread that owns a predictor, and the queue before it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use crate::batch::{self, Job, MAX_BATCH};
use crate::predictor::Answer;
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
/// The thread ends when the engine is dropped and the queue is empty.
#[derive(Debug)]
pub struct Engine {
    state: watch::Receiver<State>,
    jobs: mpsc::Sender<Job>,
}

impl Engine {
    /// Starts the thread, which calls `load`, warms the predictor up and then answers. Returns at once, so that a
    /// port can open while a large model loads.
    pub fn start(load: impl FnOnce() -> Result<Predictor, LoadError> + Send + 'static) -> Self {
        Self::launch(move || {
            let predictor = load()?;
            predictor.warm_up().map_err(LoadError::WarmUp)?;
            Ok((predictor.signature(), move |pixels, n| predictor.answers(pixels, n)))
        })
    }

    /// As [`Engine::start`], for anything that predicts.
    fn launch<F, P>(load: F) -> Self
    where
        F: FnOnce() -> Result<(Arc<Signature>, P), LoadError> + Send + 'static,
        P: Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>,
    {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let (report, state) = watch::channel(State::Loading);
        let report = Arc::new(report);
        let body = {
            let report = Arc::clone(&report);
            move || {
                let work = AssertUnwindSafe(|| work(load, &mut queue, &report));
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
        Engine { state, jobs }
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
    /// The model is not ready, or has no finite answer.
    pub async fn predict(&self, pixels: Vec<u8>) -> Result<Vec<f32>, RequestError> {
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
        if self.jobs.send(Job { pixels, reply }).await.is_err() {
            return Err(RequestError::Failed(self.failed().await));
        }
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
) -> Result<(), LoadError>
where
    P: Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>,
{
    let (signature, predict) = load()?;
    report.send_replace(State::Ready(signature));
    while let Some(batch) = batch::next(queue) {
        batch::answer(batch, &predict);
    }
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

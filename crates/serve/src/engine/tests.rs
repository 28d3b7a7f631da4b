//! The engine with predictors made for the purpose.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use brazier_image::{InputShape, Preprocess};

use super::*;

fn signature() -> Arc<Signature> {
    Arc::new(Signature::nameless(Preprocess::squash(InputShape::new(1, 1, 1)), 1))
}

/// Answers every image with its own byte.
fn echo(pixels: &[u8]) -> Vec<Answer> {
    pixels.iter().map(|&pixel| Ok(vec![f32::from(pixel)])).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// An engine whose every batch waits for a word from outside, and the sizes of the batches it saw.
fn gated(gate: Receiver<()>) -> (Engine, Arc<Mutex<Vec<usize>>>) {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let engine = Engine::launch(Turn::default(), move || {
        Ok((signature(), move |pixels: Vec<u8>, n| {
            seen.lock().unwrap().push(n);
            gate.recv().unwrap();
            Ok(echo(&pixels))
        }))
    });
    (engine, sizes)
}

#[test]
fn requests_that_wait_for_the_device_become_one_batch() {
    let (open, gate) = channel();
    let (engine, sizes) = gated(gate);
    let engine = Arc::new(engine);
    block_on(async {
        engine.ready().await.unwrap();
        let ask = |pixel: u8| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.predict(vec![pixel]).await.unwrap().probabilities })
        };
        let first = ask(0);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let rest: Vec<_> = (1..=5).map(ask).collect();
        while engine.jobs.read().as_ref().unwrap().capacity() > QUEUE - 5 {
            tokio::task::yield_now().await;
        }
        open.send(()).unwrap();
        open.send(()).unwrap();
        assert_eq!(first.await.unwrap(), [0.0]);
        for (pixel, answer) in (1_u8..).zip(rest) {
            assert_eq!(answer.await.unwrap(), [f32::from(pixel)]);
        }
    });
    assert_eq!(*sizes.lock().unwrap(), [1, 5]);
}

#[test]
fn a_panic_fails_who_waits_and_who_comes_later() {
    let engine = Engine::launch(Turn::default(), || {
        Ok((signature(), |_: Vec<u8>, _| -> Result<Vec<Answer>, PredictError> {
            panic!("the device is gone")
        }))
    });
    block_on(async {
        engine.ready().await.unwrap();
        for _ in 0..2 {
            let error = engine.predict(vec![0]).await.unwrap_err();
            assert!(
                matches!(&error, RequestError::Failed(EngineFailure::Panic(text)) if text == "the device is gone")
            );
        }
    });
    assert!(matches!(engine.state(), State::Failed(_)));
}

#[test]
fn a_panic_while_loading_is_a_failure() {
    let engine = Engine::start(|| panic!("no such {}", "model"));
    let failure = block_on(engine.failed());
    assert!(matches!(failure, EngineFailure::Panic(text) if text == "no such model"));
}

#[test]
fn nothing_is_asked_of_a_model_that_is_loading() {
    let (open, gate) = channel::<()>();
    let engine = Engine::launch(Turn::default(), move || {
        gate.recv().unwrap();
        Ok((signature(), |pixels: Vec<u8>, _| Ok(echo(&pixels))))
    });
    assert!(matches!(block_on(engine.predict(vec![7])), Err(RequestError::Loading)));
    open.send(()).unwrap();
    block_on(engine.ready()).unwrap();
    assert_eq!(block_on(engine.predict(vec![7])).unwrap().probabilities, [7.0]);
}

#[test]
fn pixels_of_another_shape_never_reach_a_batch() {
    let engine =
        Engine::launch(Turn::default(), || Ok((signature(), |pixels: Vec<u8>, _| Ok(echo(&pixels)))));
    block_on(engine.ready()).unwrap();
    let error = block_on(engine.predict(vec![1, 2])).unwrap_err();
    assert!(matches!(error, RequestError::Predict(PredictError::Pixels { found: 2, expected: 1 })));
}

#[test]
fn a_closed_engine_answers_what_it_has_and_is_gone() {
    let (open, gate) = channel();
    let (engine, sizes) = gated(gate);
    let engine = Arc::new(engine);
    block_on(async {
        engine.ready().await.unwrap();
        let asked = Arc::clone(&engine);
        let first = tokio::spawn(async move { asked.predict(vec![3]).await.unwrap().probabilities });
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let closed = Arc::clone(&engine);
        let closing = tokio::spawn(async move { closed.close().await });
        while engine.jobs.read().is_some() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(engine.predict(vec![4]).await, Err(RequestError::Unloaded)));
        assert!(!closing.is_finished(), "the device still computes");
        open.send(()).unwrap();
        assert_eq!(first.await.unwrap(), [3.0]);
        closing.await.unwrap();
    });
    assert_eq!(*sizes.lock().unwrap(), [1]);
}

#[test]
fn engines_of_one_device_take_turns() {
    let turn = Turn::default();
    let busy = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let engine = || {
        let busy = Arc::clone(&busy);
        Engine::launch(turn.clone(), move || {
            Ok((signature(), move |pixels: Vec<u8>, _| {
                assert_eq!(busy.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                std::thread::sleep(std::time::Duration::from_millis(2));
                busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                Ok(echo(&pixels))
            }))
        })
    };
    let engines: Vec<_> = (0..3).map(|_| Arc::new(engine())).collect();
    block_on(async {
        let mut answers = Vec::new();
        for engine in &engines {
            engine.ready().await.unwrap();
        }
        for at in 0..30_u8 {
            let engine = Arc::clone(&engines[usize::from(at) % 3]);
            answers.push(tokio::spawn(async move { engine.predict(vec![at]).await.unwrap().probabilities }));
        }
        for (at, answer) in (0_u8..).zip(answers) {
            assert_eq!(answer.await.unwrap(), [f32::from(at)]);
        }
    });
}

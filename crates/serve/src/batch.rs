//! What waits for the device, and how much of it goes at once.

use std::iter;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::PredictError;
use crate::predictor::Answer;

/// Images in one batch at most: beyond this a CPU gains nothing and the last image waits for all others.
pub(crate) const MAX_BATCH: usize = 32;

/// One image and who waits for it.
pub(crate) struct Job {
    /// H x W x C bytes.
    pub pixels: Vec<u8>,
    /// When it was handed in.
    pub asked: Instant,
    /// Closed when the client has left.
    pub reply: oneshot::Sender<Result<Prediction, PredictError>>,
}

/// The answer to one image, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// One for each class.
    pub probabilities: Vec<f32>,
    /// From the request to the batch.
    pub waited: Duration,
    /// The network's time for the whole batch.
    pub computed: Duration,
    /// Images in the batch.
    pub batch: usize,
}

/// `first` and what came in after it, in order.
///
/// There is no timer: an idle device starts on the first image at once, a busy one finds a batch when it is done.
/// Jobs whose client has left are dropped here, before anything is computed for them.
pub(crate) fn gather(first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let waiting = iter::once(first).chain(iter::from_fn(|| queue.try_recv().ok()));
    waiting.filter(|job| !job.reply.is_closed()).take(MAX_BATCH).collect()
}

/// Answers every job of `batch` by one call of `predict`.
pub(crate) fn answer(batch: Vec<Job>, predict: impl Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>) {
    let n = batch.len();
    let begun = Instant::now();
    let mut pixels = Vec::with_capacity(batch.iter().map(|job| job.pixels.len()).sum());
    let mut replies = Vec::with_capacity(n);
    for job in batch {
        pixels.extend(job.pixels);
        replies.push((job.reply, begun - job.asked));
    }
    let answers = predict(pixels, n).unwrap_or_else(|error| vec![Err(error); n]);
    let computed = begun.elapsed();
    for ((reply, waited), answer) in replies.into_iter().zip(answers) {
        let told = answer.map(|probabilities| Prediction { probabilities, waited, computed, batch: n });
        // A client that left while we computed needs no answer.
        let _ = reply.send(told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Client = oneshot::Receiver<Result<Prediction, PredictError>>;

    /// `n` waiting jobs of one byte each; those in `left` have lost their client.
    fn queue(n: u8, left: &[u8]) -> (mpsc::Receiver<Job>, Vec<Client>) {
        let (sender, receiver) = mpsc::channel(usize::from(n));
        let mut clients = Vec::new();
        for image in 0..n {
            let (reply, client) = oneshot::channel();
            sender.try_send(Job { pixels: vec![image], asked: Instant::now(), reply }).ok().unwrap();
            if !left.contains(&image) {
                clients.push(client);
            }
        }
        (receiver, clients)
    }

    fn next(queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
        let first = queue.try_recv().unwrap();
        gather(first, queue)
    }

    fn images(batch: Vec<Job>) -> Vec<u8> {
        batch.into_iter().flat_map(|job| job.pixels).collect()
    }

    #[test]
    fn a_batch_is_what_waits_up_to_the_limit_less_who_left() {
        let (mut queue, _clients) = queue(40, &[0, 3, 33]);
        let live: Vec<u8> = (0..40).filter(|image| ![0, 3, 33].contains(image)).collect();
        assert_eq!(images(next(&mut queue)), live[..32]);
        assert_eq!(images(next(&mut queue)), live[32..]);
        assert!(queue.try_recv().is_err());
    }

    #[test]
    fn nothing_is_computed_when_all_have_left() {
        let (mut queue, _clients) = queue(3, &[0, 1, 2]);
        assert_eq!(images(next(&mut queue)), [0; 0]);
    }

    #[test]
    fn each_client_gets_its_own_answer() {
        let (mut queue, clients) = queue(3, &[]);
        let bad = PredictError::NotFinite { class: 0, found: f32::INFINITY };
        answer(next(&mut queue), |pixels, n| {
            assert_eq!((pixels, n), (vec![0, 1, 2], 3));
            Ok(vec![Ok(vec![0.0]), Err(bad.clone()), Ok(vec![2.0])])
        });
        let answers: Vec<_> = clients.into_iter().map(|client| client.blocking_recv().unwrap()).collect();
        let told = |prediction: &Prediction| (prediction.probabilities[0], prediction.batch);
        let answers: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(told)).collect();
        assert_eq!(answers, [Ok((0.0, 3)), Err(&bad), Ok((2.0, 3))]);
    }
}

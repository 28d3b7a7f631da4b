//! What waits for the device, and how much of it goes at once.

use std::iter;

use tokio::sync::{mpsc, oneshot};

use crate::PredictError;
use crate::predictor::Answer;

/// Images in one batch at most: beyond this a CPU gains nothing and the last image waits for all others.
pub(crate) const MAX_BATCH: usize = 32;

/// One image and who waits for it.
pub(crate) struct Job {
    /// H x W x C bytes.
    pub pixels: Vec<u8>,
    /// Closed when the client has left.
    pub reply: oneshot::Sender<Answer>,
}

/// Waits for a job and takes what came in meanwhile, in order; `None` once nobody can send any more.
///
/// There is no timer: an idle device starts on the first image at once, a busy one finds a batch when it is done.
/// Jobs whose client has left are dropped here, before anything is computed for them.
pub(crate) fn next(queue: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    loop {
        let first = queue.blocking_recv()?;
        let waiting = iter::once(first).chain(iter::from_fn(|| queue.try_recv().ok()));
        let batch: Vec<Job> = waiting.filter(|job| !job.reply.is_closed()).take(MAX_BATCH).collect();
        if !batch.is_empty() {
            return Some(batch);
        }
    }
}

/// Answers every job of `batch` by one call of `predict`.
pub(crate) fn answer(batch: Vec<Job>, predict: impl Fn(Vec<u8>, usize) -> Result<Vec<Answer>, PredictError>) {
    let n = batch.len();
    let mut pixels = Vec::with_capacity(batch.iter().map(|job| job.pixels.len()).sum());
    let mut replies = Vec::with_capacity(n);
    for job in batch {
        pixels.extend(job.pixels);
        replies.push(job.reply);
    }
    let answers = predict(pixels, n).unwrap_or_else(|error| vec![Err(error); n]);
    for (reply, answer) in replies.into_iter().zip(answers) {
        // A client that left while we computed needs no answer.
        let _ = reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` waiting jobs of one byte each; those in `left` have lost their client.
    fn queue(n: u8, left: &[u8]) -> (mpsc::Receiver<Job>, Vec<oneshot::Receiver<Answer>>) {
        let (sender, receiver) = mpsc::channel(usize::from(n));
        let mut clients = Vec::new();
        for image in 0..n {
            let (reply, client) = oneshot::channel();
            sender.try_send(Job { pixels: vec![image], reply }).ok().unwrap();
            if !left.contains(&image) {
                clients.push(client);
            }
        }
        (receiver, clients)
    }

    fn images(batch: Option<Vec<Job>>) -> Option<Vec<u8>> {
        batch.map(|jobs| jobs.into_iter().flat_map(|job| job.pixels).collect())
    }

    #[test]
    fn a_batch_is_what_waits_up_to_the_limit_less_who_left() {
        let (mut queue, _clients) = queue(40, &[0, 3, 33]);
        let live: Vec<u8> = (0..40).filter(|image| ![0, 3, 33].contains(image)).collect();
        assert_eq!(images(next(&mut queue)), Some(live[..32].to_vec()));
        assert_eq!(images(next(&mut queue)), Some(live[32..].to_vec()));
        assert_eq!(images(next(&mut queue)), None);
    }

    #[test]
    fn nothing_is_computed_when_all_have_left() {
        let (mut queue, _clients) = queue(3, &[0, 1, 2]);
        assert_eq!(images(next(&mut queue)), None);
    }

    #[test]
    fn each_client_gets_its_own_answer() {
        let (mut queue, clients) = queue(3, &[]);
        let bad = PredictError::NotFinite { class: 0, found: f32::INFINITY };
        answer(next(&mut queue).unwrap(), |pixels, n| {
            assert_eq!((pixels, n), (vec![0, 1, 2], 3));
            Ok(vec![Ok(vec![0.0]), Err(bad.clone()), Ok(vec![2.0])])
        });
        let answers: Vec<Answer> =
            clients.into_iter().map(|client| client.blocking_recv().unwrap()).collect();
        assert_eq!(answers, [Ok(vec![0.0]), Err(bad.clone()), Ok(vec![2.0])]);
    }
}

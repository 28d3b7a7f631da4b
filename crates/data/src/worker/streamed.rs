//! Batches from a stream, which is read once and in its own order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use brazier_image::InputShape;

use super::decode::Decoding;
use super::work::Work;
use super::{Batches, Loader, TrainPlan};
use crate::sampler::{self, Share, generator};
use crate::stream::{Piped, Samples, Stream, Window};
use crate::{Batch, DataError};

/// The batches of a training epoch for each rank of the host of `plan`. One pass is enough if the stream holds as many samples as the epoch has; a
/// shorter stream is followed by the next pass, a longer one is closed early.
pub(super) fn train(
    stream: Arc<Stream>,
    loader: Loader,
    work: Work,
    shape: InputShape,
    plan: TrainPlan,
) -> Result<Vec<Batches>, DataError> {
    let shares = loader.shares(plan.share);
    Batches::start_for(shares.len(), loader.target, move |stop, send| {
        let random = plan.shuffle.then(|| generator(sampler::Stream::Window, plan.seed, plan.epoch, 0));
        let mut epoch = Epoch { stream: &stream, stop, window: Window::new(random), taken: 0 };
        let mut step = 0;
        let outcome = epoch.steps(plan, &shares, &mut |mut piped| {
            step += 1;
            // A resumed epoch reads again what it trained on before, without decoding it.
            if step <= plan.start_step {
                return true;
            }
            let mut listens = false;
            for (rank, share) in shares.iter().enumerate() {
                let rest = piped.split_off(share.images.min(piped.len()));
                let piped = std::mem::replace(&mut piped, rest);
                let (expected, work, source) = (piped.len(), work.clone(), Arc::clone(&stream));
                let decode = move |piped: &Piped, out: &mut [u8]| work.piped(&source, piped, out);
                let stream = Arc::clone(&stream);
                let fill = move |batch| filled(batch, expected, &stream);
                listens = send(rank, Ok(loader.decode(piped, shape, stop, decode).then(fill)));
            }
            listens
        });
        if let Err(error) = outcome {
            fail(error, shares.len(), send);
        }
    })
}

/// One pass for each rank of the host of `share`: of the batches in the order of the stream every `world`-th is a rank's, the
/// last short.
pub(super) fn evaluation(
    stream: Arc<Stream>,
    loader: Loader,
    work: Work,
    shape: InputShape,
    share: Share,
) -> Result<Vec<Batches>, DataError> {
    let shares = loader.shares(share);
    // As many on each rank, whose shares of a step may differ by one: all must count alike.
    let (world, size) = shares.first().map_or((1, 1), |share| (share.world.max(1), share.step));
    let size = size.div_ceil(world).max(1);
    Batches::start_for(shares.len(), loader.target, move |stop, send| {
        let evaluate = || -> Result<(), DataError> {
            let pass = stream.pass(stop)?;
            let stopped = || stream.is_over(stop);
            let mut samples = pass.samples(0, stream.skips(), &stopped);
            for number in 0.. {
                let piped: Vec<Piped> = samples.by_ref().take(size).collect::<Result<_, _>>()?;
                if piped.is_empty() {
                    return Ok(());
                }
                let Some(rank) = shares.iter().position(|share| share.rank == number % world) else {
                    continue;
                };
                let (work, source) = (work.clone(), Arc::clone(&stream));
                let decode = move |piped: &Piped, out: &mut [u8]| work.piped(&source, piped, out);
                if !send(rank, Ok(loader.decode(piped, shape, stop, decode))) {
                    return Ok(());
                }
            }
            Ok(())
        };
        if let Err(error) = evaluate() {
            fail(error, shares.len(), send);
        }
    })
}

/// Ends the batches of all ranks of a host. The first one has the error, the others wait for what it does about it.
fn fail(error: DataError, ranks: usize, send: &dyn Fn(usize, Result<Decoding, DataError>) -> bool) {
    send(0, Err(error));
    (1..ranks).for_each(|rank| _ = send(rank, Err(DataError::Stopped)));
}

/// A training epoch's way through the stream.
struct Epoch<'a> {
    stream: &'a Stream,
    stop: &'a AtomicBool,
    window: Window,
    /// Samples read so far, over all passes.
    taken: u64,
}

impl Epoch<'_> {
    /// Calls `step` with the samples of each step that lie in `shares`, which lie one behind the other, until it answers false or
    /// the epoch ends.
    fn steps(
        &mut self,
        plan: TrainPlan,
        shares: &[Share],
        step: &mut dyn FnMut(Vec<Piped>) -> bool,
    ) -> Result<(), DataError> {
        let (first, all) = shares.first().map_or((0, 1), |share| (share.first, share.step));
        let images: usize = shares.iter().map(|share| share.images).sum();
        let (mut done, mut position) = (0, 0);
        let mut mine = Vec::with_capacity(images);
        while done < plan.steps {
            let pass = self.stream.pass(self.stop)?;
            let (stream, stop) = (self.stream, self.stop);
            let stopped = || stream.is_over(stop);
            let mut samples = counted(pass.samples(self.taken, stream.skips(), &stopped), &mut self.taken);
            while let Some(piped) = self.window.next(&mut samples) {
                let piped = piped?;
                if (first..first + images).contains(&position) {
                    mine.push(piped);
                }
                position += 1;
                if position == all {
                    position = 0;
                    done += 1;
                    if !step(std::mem::take(&mut mine)) || done == plan.steps {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Samples, counted in `taken`.
fn counted<'a>(
    samples: Samples<'a>,
    taken: &'a mut u64,
) -> impl Iterator<Item = Result<Piped, DataError>> + 'a {
    samples.inspect(move |_| *taken += 1)
}

/// A batch of `expected` images again after damaged ones were left out: the whole ones are repeated in turn.
fn filled(mut batch: Batch, expected: usize, stream: &Stream) -> Result<Batch, DataError> {
    let (whole, image) = (batch.len(), batch.shape.len());
    if whole == expected {
        return Ok(batch);
    }
    if whole == 0 {
        let first = stream.skipped.first().unwrap_or_default();
        return Err(DataError::AllDamaged { channel: stream.description(), first });
    }
    for at in 0..expected - whole {
        let source = at % whole;
        batch.pixels.extend_from_within(source * image..(source + 1) * image);
        batch.labels.repeat(source);
    }
    Ok(batch)
}

//! A connection's bytes against the clock.
//!
//! hyper has one clock for a request's head, and it runs between requests too: short enough against a client that
//! sends a byte a minute, it would close kept-alive connections under their next request. So the clocks are here,
//! where it is known which of the two it is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::configuration::Limits;
use crate::metrics::Metrics;

/// How long a new connection may still wait for its first request once the server drains: its bytes can be on the
/// way, since the system shook hands for us.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the metrics call a head that does not come to its end.
const SLOW_HEAD: &str = "SLOW_HEAD";

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The first byte of the first request.
    New,
    /// The rest of a request's head.
    Head,
    /// Our answer; the body has a clock of its own.
    Busy,
    /// The next request.
    Idle,
    /// Nothing: its place is wanted by another.
    Dismissed,
}

/// What a connection is waiting for, and since when; shared with who answers its requests.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    phase: Phase,
    since: Instant,
    /// Of the connection, while it reads.
    reader: Option<Waker>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let (phase, since) = (Phase::New, Instant::now());
        Progress(Arc::new(Mutex::new(Waiting { phase, since, reader: None })))
    }

    /// A head is whole and its request is being answered.
    pub(crate) fn busy(&self) {
        self.set(Phase::Busy);
    }

    /// The answer is there. hyper, which looked for the client's end meanwhile, would not read again before something
    /// comes, so nobody would look at the clock that runs from now on.
    pub(crate) fn idle(&self) {
        self.set(Phase::Idle);
        self.wake();
    }

    /// Since when it waits for a request, unless one is on its way or being answered.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let (phase, since) = self.get();
        matches!(phase, Phase::New | Phase::Idle).then_some(since)
    }

    /// Ends the connection, if it still waits for a request.
    pub(crate) fn dismiss(&self) -> bool {
        let mut waiting = self.0.lock();
        let waits = matches!(waiting.phase, Phase::New | Phase::Idle);
        if waits {
            (waiting.phase, waiting.since) = (Phase::Dismissed, Instant::now());
        }
        drop(waiting);
        self.wake();
        waits
    }

    /// Whether both tell of one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Lets the connection look at its clock.
    fn wake(&self) {
        let reader = self.0.lock().reader.take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn set(&self, phase: Phase) {
        let mut waiting = self.0.lock();
        (waiting.phase, waiting.since) = (phase, Instant::now());
    }

    fn get(&self) -> (Phase, Instant) {
        let waiting = self.0.lock();
        (waiting.phase, waiting.since)
    }

    fn reads(&self, context: &Context<'_>) {
        self.0.lock().reader = Some(context.waker().clone());
    }
}

/// A stream that ends itself when its client takes too long, or when it waits for nothing while the server drains.
pub(crate) struct Paced {
    stream: TcpStream,
    progress: Progress,
    draining: watch::Receiver<bool>,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    reading: Clock,
    writing: Clock,
    /// Since when the client takes no more bytes.
    stuck: Option<Instant>,
}

impl Paced {
    pub(crate) fn new(
        stream: TcpStream,
        progress: Progress,
        draining: watch::Receiver<bool>,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (reading, writing) = (Clock::default(), Clock::default());
        Paced { stream, progress, draining, limits, metrics, reading, writing, stuck: None }
    }

    /// When to stop waiting for bytes.
    fn patience(&self, phase: Phase, since: Instant) -> Option<Instant> {
        let draining = *self.draining.borrow();
        let patience = match phase {
            Phase::New if draining => self.limits.head.min(PATIENCE),
            Phase::New | Phase::Head => self.limits.head,
            Phase::Idle if draining => Duration::ZERO,
            Phase::Idle => self.limits.idle,
            Phase::Dismissed => Duration::ZERO,
            Phase::Busy => return None,
        };
        Some(since + patience)
    }

    /// The result of a write, unless it has been waited for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stuck = None;
            return result;
        }
        let since = *self.stuck.get_or_insert_with(Instant::now);
        ready!(self.writing.poll(since + self.limits.write, context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (phase, since) = this.progress.get();
        // What has come goes before any clock: a request that beat the end of its connection is answered.
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            if matches!(phase, Phase::New | Phase::Idle | Phase::Dismissed) {
                this.progress.set(Phase::Head);
            }
            return Poll::Ready(result);
        }
        this.progress.reads(context);
        let Some(deadline) = this.patience(phase, since) else { return Poll::Pending };
        ready!(this.reading.poll(deadline, context));
        match phase {
            // As if the client had left in the middle of it.
            Phase::Head => {
                this.metrics.rejected(SLOW_HEAD);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(context, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(context);
        this.written(context, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// A timer that is set anew only when it goes off, and not at every request.
#[derive(Default)]
struct Clock(Option<Pin<Box<Sleep>>>);

impl Clock {
    /// Ready once `deadline` is over.
    fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // A deadline only moves to later, but for the drain's.
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

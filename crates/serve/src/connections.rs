//! Connections: taken in, counted, and let go one by one at the end.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use crate::configuration::Limits;
use crate::crowd::Crowd;
use crate::metrics::Metrics;
use crate::paced::{Paced, Progress};

/// The longest request head, and what is read of a body at once. SageMaker's own headers are below 6 KiB together.
const BUFFER: usize = 64 << 10;

/// Refusals under way at once: above this a connection that is one too many is closed without a word.
const REFUSALS: usize = 64;

/// What who comes too late is told, and how long it may take to hear it.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
    Connection: close\r\nContent-Length: 92\r\n\r\n\
    {\"error\":{\"code\":\"TOO_MANY_CONNECTIONS\",\"message\":\"there are too many connections already\"}}";
const REFUSAL_TIME: Duration = Duration::from_secs(1);
const TOO_MANY: &str = "TOO_MANY_CONNECTIONS";

/// What the metrics call bytes that are no request.
const MALFORMED: &str = "MALFORMED_REQUEST";

/// The connections of one server.
pub(crate) struct Connections {
    answering: Answering,
    open: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    draining: watch::Sender<bool>,
}

/// What it takes to answer a connection.
#[derive(Clone)]
struct Answering {
    router: Router,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    crowd: Arc<Crowd>,
    draining: watch::Receiver<bool>,
}

impl Connections {
    pub(crate) fn new(router: Router, limits: Limits, open: Arc<Semaphore>, metrics: Arc<Metrics>) -> Self {
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        let (limits, crowd, draining) = (Arc::new(limits), Arc::default(), watch::Sender::new(false));
        let answering = Answering { router, limits, metrics, crowd, draining: draining.subscribe() };
        Connections { answering, open, refusals, draining }
    }

    /// Takes connections in until `close`, and then those with whom the system has shaken hands by then.
    pub(crate) async fn accept(
        &self,
        listener: TcpListener,
        close: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut close = pin!(close);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut close => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.start(stream),
                // Out of files, most likely, which time mends; a client that has left already is no reason to wait.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        // Not through tokio, which would have to hear of them first.
        let listener = listener.into_std()?;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            self.start(TcpStream::from_std(stream)?);
        }
        Ok(())
    }

    /// Waits until all connections are closed: at once where one waits for its next request, else after its answer.
    pub(crate) async fn drain(&self) {
        self.draining.send_replace(true);
        let all = u32::try_from(self.answering.limits.connections).unwrap_or(u32::MAX);
        // Nobody closes this semaphore.
        let _ = self.open.acquire_many(all).await;
    }

    fn start(&self, stream: TcpStream) {
        let answering = self.answering.clone();
        if let Ok(slot) = Arc::clone(&self.open).try_acquire_owned() {
            tokio::spawn(answering.answer(stream, slot));
        } else if let Ok(refusal) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(answering.instead_of_another(stream, Arc::clone(&self.open), refusal));
        } else {
            self.answering.metrics.rejected(TOO_MANY);
        }
    }
}

impl Answering {
    /// Answers `stream` in the place of the connection that has been idle the longest: clients that keep connections
    /// and ask nothing must not keep others out, nor the platform's health check. Refuses it where all are busy.
    async fn instead_of_another(
        self,
        stream: TcpStream,
        open: Arc<Semaphore>,
        refusal: OwnedSemaphorePermit,
    ) {
        if self.crowd.dismiss()
            && let Ok(Ok(slot)) = timeout(REFUSAL_TIME, open.acquire_owned()).await
        {
            drop(refusal);
            return self.answer(stream, slot).await;
        }
        self.metrics.rejected(TOO_MANY);
        refuse(stream).await;
        drop(refusal);
    }

    /// Answers what comes over `stream` until it ends.
    async fn answer(self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let metrics = Arc::clone(&self.metrics);
        // A connection that breaks is its client's affair; what matters is told per request.
        if self.requests(stream).await.is_err_and(|error| error.is_parse()) {
            metrics.rejected(MALFORMED);
        }
        drop(slot);
    }

    async fn requests(mut self, stream: TcpStream) -> hyper::Result<()> {
        // An answer is one small write that nothing follows.
        let _ = stream.set_nodelay(true);
        let progress = Progress::new();
        let _member = self.crowd.join(progress.clone());
        let stream = Paced::new(stream, progress.clone(), self.draining.clone(), self.limits, self.metrics);
        let service = service_fn(|request: Request<Incoming>| {
            progress.busy();
            let (mut router, progress) = (self.router.clone(), progress.clone());
            async move {
                // A router is always ready and never fails.
                let response = Service::call(&mut router, request).await;
                progress.idle();
                response
            }
        });
        let mut http = http1::Builder::new();
        http.max_buf_size(BUFFER);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            _ = self.draining.wait_for(|draining| *draining) => {}
        }
        // Asked again, it finds that it drains. hyper's own graceful shutdown would close an idle connection without a
        // last look for a request that has come.
        poll_fn(|context| Pin::new(&mut connection).poll(context)).await
    }
}

/// Says that there is no room, and waits for the client to hear it: closing on unread bytes resets a connection.
async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    let _ = timeout(REFUSAL_TIME, told).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_as_long_as_it_says() {
        let text = std::str::from_utf8(REFUSAL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{} bytes", body.len());
        let answer: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(answer["error"]["code"], TOO_MANY);
    }
}

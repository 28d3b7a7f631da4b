//! A request's body into memory, up to a limit.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use tokio::time::timeout;

use crate::RequestError;
use crate::admission::{BodyMemory, Share};

/// How much of a body that is refused is read and thrown away: the largest that SageMaker's batch transform sends.
const DISCARD: usize = 100 << 20;

/// What one body may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes.
    pub bytes: usize,
    /// From the head to the last byte.
    pub time: Duration,
}

/// A whole body, and its part of the memory for bodies.
#[derive(Debug)]
pub(crate) struct Received {
    pub bytes: Vec<u8>,
    /// Held as long as the bytes are; None of a part of a body.
    _share: Option<Share>,
}

impl Received {
    /// A part of a body.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Received { bytes, _share: None }
    }
}

/// All bytes of `body`, within `limits`.
///
/// # Errors
/// A body that is too large, comes too slowly, breaks off, or finds no memory left.
pub(crate) async fn read(
    body: Body,
    limits: Limits,
    memory: &Arc<BodyMemory>,
) -> Result<Received, RequestError> {
    let slow = |_| RequestError::SlowBody { seconds: limits.time.as_secs() };
    timeout(limits.time, read_all(body, limits.bytes, memory)).await.map_err(slow)?
}

/// Refuses a body that is too large by its `Content-Length`, before its first byte.
///
/// # Errors
/// More bytes than `limit`.
pub(crate) fn check_announced(body: &Body, limit: usize) -> Result<(), RequestError> {
    match usize::try_from(body.size_hint().lower()) {
        Ok(announced) if announced <= limit => Ok(()),
        _ => Err(RequestError::TooLarge { limit }),
    }
}

/// One that is refused is read on, without being kept: closing on a client that still sends would reset the
/// connection, and it would never see the answer that says why.
async fn read_all(mut body: Body, limit: usize, memory: &Arc<BodyMemory>) -> Result<Received, RequestError> {
    let (mut bytes, mut share) = (Vec::new(), Share::of(memory));
    let (mut refusal, mut discarded) = (check_announced(&body, limit).err(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| RequestError::Body(error.to_string()))?;
        // Trailers carry nothing for us.
        let Ok(data) = frame.into_data() else { continue };
        if refusal.is_none() {
            refusal = match data.len() > limit - bytes.len() {
                true => Some(RequestError::TooLarge { limit }),
                false => share.grow(data.len()).err(),
            };
        }
        if refusal.is_none() {
            bytes.extend_from_slice(&data);
            continue;
        }
        (bytes, share) = (Vec::new(), Share::of(memory));
        discarded = discarded.saturating_add(data.len());
        if discarded > DISCARD {
            break;
        }
    }
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Received { bytes, _share: Some(share) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_now(body: Body, bytes: usize, memory: usize) -> Result<Vec<u8>, RequestError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limits = Limits { bytes, time: Duration::from_millis(50) };
        let memory = BodyMemory::new(memory);
        let received = runtime.block_on(read(body, limits, &memory));
        received.map(|received| received.bytes)
    }

    #[test]
    fn the_limit_itself_still_fits() {
        assert_eq!(read_now("four".into(), 4, 4).unwrap(), b"four");
        assert!(matches!(read_now("four".into(), 3, 4), Err(RequestError::TooLarge { limit: 3 })));
        let large = vec![0; 1 << 17];
        assert!(matches!(read_now(large.into(), 1 << 17, 3), Err(RequestError::BodyMemory { limit: 3 })));
        assert_eq!(read_now("".into(), 0, 0).unwrap(), b"");
    }

    /// A body of which nothing ever comes.
    struct Stalled;

    impl HttpBody for Stalled {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn a_body_that_never_comes_is_given_up() {
        let stalled = Body::new(Stalled);
        assert!(matches!(read_now(stalled, 4, 4), Err(RequestError::SlowBody { .. })));
    }
}

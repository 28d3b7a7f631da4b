//! A request's body into memory, up to a limit.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody};

use crate::RequestError;

/// How much of a body beyond the limit is read and thrown away: the largest that SageMaker's batch transform sends.
const DISCARD: usize = 100 << 20;

/// All bytes of `body`, at most `limit` of them.
///
/// A larger one is read on, without being kept: closing on a client that still sends would reset the connection, and
/// it would never see the answer that says why.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    let mut discarded = 0_usize;
    // With a `Content-Length` the size is known before the first byte.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut too_large = announced > limit;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| RequestError::Body(error.to_string()))?;
        // Trailers carry nothing for us.
        let Ok(data) = frame.into_data() else { continue };
        too_large |= data.len() > limit - bytes.len();
        if too_large {
            bytes = Vec::new();
            discarded = discarded.saturating_add(data.len());
            if discarded > DISCARD {
                break;
            }
        } else {
            bytes.extend_from_slice(&data);
        }
    }
    if too_large { Err(RequestError::TooLarge { limit }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_now(body: &'static str, limit: usize) -> Result<Vec<u8>, RequestError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read(Body::from(body), limit))
    }

    #[test]
    fn the_limit_itself_still_fits() {
        assert_eq!(read_now("four", 4).unwrap(), b"four");
        assert!(matches!(read_now("four", 3), Err(RequestError::TooLarge { limit: 3 })));
        assert_eq!(read_now("", 0).unwrap(), b"");
    }
}

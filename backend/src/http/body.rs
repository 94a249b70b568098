//! Request bodies, read within limits of size and time.

use std::pin::pin;
use std::task::Poll;

use bytes::{Buf, Bytes, BytesMut};
use common::{Code, limits};
use futures::{Stream, StreamExt};

use super::ApiError;

/// Reads a body of at most `limit_bytes`; `length` is its declared length. Of a larger body up to
/// [`limits::DISCARD_BYTES_MAX`] are discarded, so that a client that sends everything before it reads gets its 413.
pub(super) async fn read<S, B, E>(length: Option<u64>, limit_bytes: usize, chunks: S) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut reading = pin!(read_chunks(limit_bytes, length, chunks));
    // Most bodies arrive together with their heads and need no timer.
    if let Poll::Ready(body) = futures::poll!(&mut reading) {
        return body;
    }
    match tokio::time::timeout(limits::BODY_TIMEOUT, reading).await {
        Ok(body) => body,
        Err(_) => Err(ApiError::new(Code::RequestTimeout, "The body did not arrive in time.")),
    }
}

async fn read_chunks<S, B, E>(limit_bytes: usize, length: Option<u64>, chunks: S) -> Result<Bytes, ApiError>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut chunks = pin!(chunks);
    // Most bodies arrive in one chunk, which is not copied.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    let mut received_bytes = 0_usize;
    // Polling for the end of a body whose length is known would cost another poll of the connection.
    while length != Some(received_bytes as u64)
        && let Some(chunk) = chunks.next().await
    {
        let Ok(mut chunk) = chunk else {
            return Err(ApiError::invalid("The body ended early."));
        };
        received_bytes = received_bytes.saturating_add(chunk.remaining());
        if received_bytes > limits::DISCARD_BYTES_MAX {
            break;
        }
        if received_bytes <= limit_bytes {
            let chunk = chunk.copy_to_bytes(chunk.remaining());
            if first.is_empty() {
                first = chunk;
            } else {
                if joined.is_empty() {
                    joined.extend_from_slice(&first);
                }
                joined.extend_from_slice(&chunk);
            }
        }
    }
    if received_bytes > limit_bytes {
        let detail = format!("A body here has at most {limit_bytes} bytes.");
        return Err(ApiError::new(Code::PayloadTooLarge, detail));
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::http::Response;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_slow_gets_408() {
        let begun = futures::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
        let slow = begun.chain(futures::stream::pending());
        let error = read(Some(2), 10, slow).await.unwrap_err();
        assert_eq!(Response::from(error).status(), 408);
    }
}

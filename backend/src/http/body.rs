//! Request bodies, read within a limit.

use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use common::{Code, limits};
use futures::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::Failure;

/// Reads a body of at most `limit_bytes`. A larger one is read on and thrown away for a while, so that a client that
/// first sends everything and then listens can read its 413.
pub(super) async fn read<S, B, E>(fields: &HeaderMap, limit_bytes: usize, chunks: S) -> Result<Bytes, Failure>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    if !fields.contains_key(CONTENT_LENGTH) && !fields.contains_key(TRANSFER_ENCODING) {
        return Ok(Bytes::new());
    }
    let reading = read_chunks(limit_bytes, chunks);
    match tokio::time::timeout(limits::BODY_TIMEOUT, reading).await {
        Ok(body) => body,
        Err(_) => Err(Failure::invalid("The body did not arrive in time.")),
    }
}

async fn read_chunks<S, B, E>(limit_bytes: usize, chunks: S) -> Result<Bytes, Failure>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut chunks = pin!(chunks);
    let mut body = BytesMut::new();
    let mut seen_bytes = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let Ok(mut chunk) = chunk else {
            return Err(Failure::invalid("The body broke off."));
        };
        seen_bytes = seen_bytes.saturating_add(chunk.remaining());
        if seen_bytes > limits::DISCARD_BYTES_MAX {
            break;
        }
        if seen_bytes <= limit_bytes {
            body.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        }
    }
    if seen_bytes > limit_bytes {
        let detail = format!("A body here has at most {limit_bytes} bytes.");
        return Err(Failure::new(Code::PayloadTooLarge, detail));
    }
    Ok(body.freeze())
}

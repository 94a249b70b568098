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
    let reading = read_chunks(limit_bytes, length(fields), chunks);
    match tokio::time::timeout(limits::BODY_TIMEOUT, reading).await {
        Ok(body) => body,
        Err(_) => Err(Failure::invalid("The body did not arrive in time.")),
    }
}

/// How long it is to be, in bytes, where that is said. hyper has seen to it that it makes sense.
fn length(fields: &HeaderMap) -> Option<usize> {
    if fields.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read_chunks<S, B, E>(limit_bytes: usize, length: Option<usize>, chunks: S) -> Result<Bytes, Failure>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut chunks = pin!(chunks);
    // Most bodies come in one piece, which need not be copied.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    let mut seen_bytes = 0_usize;
    // Waiting to be told that nothing follows would cost another turn of the connection.
    while length != Some(seen_bytes)
        && let Some(chunk) = chunks.next().await
    {
        let Ok(mut chunk) = chunk else {
            return Err(Failure::invalid("The body broke off."));
        };
        seen_bytes = seen_bytes.saturating_add(chunk.remaining());
        if seen_bytes > limits::DISCARD_BYTES_MAX {
            break;
        }
        if seen_bytes <= limit_bytes {
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
    if seen_bytes > limit_bytes {
        let detail = format!("A body here has at most {limit_bytes} bytes.");
        return Err(Failure::new(Code::PayloadTooLarge, detail));
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

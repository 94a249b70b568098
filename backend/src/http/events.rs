//! Server-sent events (HTML standard, section 9.2) on their way out.

use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use common::limits;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use serde::Serialize;
use sync_wrapper::SyncStream;
use tokio_util::sync::CancellationToken;

/// One or more events, written out. Cheap to clone, so that thousands of readers share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// Bytes that are events already.
    pub fn new(events: impl Into<Bytes>) -> Self {
        Self(events.into())
    }

    /// One event.
    pub fn event(name: &str, id: Option<u64>, data: &impl Serialize) -> Self {
        let mut frame = Vec::with_capacity(160);
        write_event(&mut frame, name, id, data);
        Self(frame.into())
    }

    /// A comment, which a reader skips: the sign of life.
    pub fn heartbeat() -> Self {
        Self(Bytes::from_static(b":\n\n"))
    }
}

/// Appends one event to a buffer.
pub(crate) fn write_event(frame: &mut Vec<u8>, name: &str, id: Option<u64>, data: &impl Serialize) {
    // JSON on one line has no line break that would end the field; the wire types cannot fail to be written.
    write_event_by(frame, name, id, |frame| {
        let _ = serde_json::to_writer(frame, data);
    });
}

/// The same, with data that is written by `push`.
pub(crate) fn write_event_by(frame: &mut Vec<u8>, name: &str, id: Option<u64>, push: impl FnOnce(&mut Vec<u8>)) {
    frame.extend_from_slice(b"event: ");
    frame.extend_from_slice(name.as_bytes());
    if let Some(id) = id {
        frame.extend_from_slice(b"\nid: ");
        frame.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    }
    frame.extend_from_slice(b"\ndata: ");
    push(frame);
    frame.extend_from_slice(b"\n\n");
}

/// A stream of frames, with a comment whenever it has been quiet for a while.
pub struct Frames(BoxStream<'static, Frame>);

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frames")
    }
}

impl Frames {
    /// A stream that ends with its source or when the service stops.
    pub fn new(source: impl Stream<Item = Frame> + Send + 'static, stopping: CancellationToken) -> Self {
        let mut source = Box::pin(source);
        let mut heartbeat = tokio::time::interval_at(
            tokio::time::Instant::now() + limits::HEARTBEAT_INTERVAL,
            limits::HEARTBEAT_INTERVAL,
        );
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let frames = futures::stream::poll_fn(move |cx| {
            use std::task::Poll;
            if let Poll::Ready(frame) = source.poll_next_unpin(cx) {
                return Poll::Ready(frame);
            }
            heartbeat.poll_tick(cx).map(|_| Some(Frame::heartbeat()))
        });
        Self(frames.take_until(stopping.cancelled_owned()).boxed())
    }

    pub(super) fn into_bytes(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync + 'static {
        SyncStream::new(self.0.map(|frame| Ok(frame.0)))
    }
}

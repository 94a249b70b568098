//! Outgoing server-sent events (HTML standard, section 9.2).

use std::convert::Infallible;
use std::fmt;
use std::task::Poll;

use bytes::Bytes;
use common::{Epoch, Position, limits};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use serde::Serialize;
use sync_wrapper::SyncStream;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// One or more serialized events. Cheap to clone: thousands of subscribers share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// From events that are serialized already.
    pub(crate) fn new(events: impl Into<Bytes>) -> Self {
        Self(events.into())
    }

    pub(crate) fn event(name: &str, id: Option<Position>, data: &impl Serialize) -> Self {
        let mut frame = Vec::with_capacity(160);
        write_event(&mut frame, name, id, data);
        Self(frame.into())
    }

    /// A comment, which readers skip: it keeps the connection alive.
    pub(crate) fn heartbeat() -> Self {
        Self(Bytes::from_static(b":\n\n"))
    }
}

/// Appends one event to a buffer.
pub(crate) fn write_event(frame: &mut Vec<u8>, name: &str, id: Option<Position>, data: &impl Serialize) {
    // Compact JSON has no line break that would end the field; serializing the wire types cannot fail.
    write_event_with(frame, name, id, |frame| {
        let _ = serde_json::to_writer(frame, data);
    });
}

/// Appends one event like [`write_event`], with the data from `write_data`.
pub(crate) fn write_event_with(
    frame: &mut Vec<u8>,
    name: &str,
    id: Option<Position>,
    write_data: impl FnOnce(&mut Vec<u8>),
) {
    frame.extend_from_slice(b"event: ");
    frame.extend_from_slice(name.as_bytes());
    if let Some(id) = id {
        frame.extend_from_slice(b"\nid: ");
        frame.extend_from_slice(itoa::Buffer::new().format(id.seq.0).as_bytes());
        if let Epoch(epoch @ 1..) = id.epoch {
            frame.push(b'.');
            frame.extend_from_slice(itoa::Buffer::new().format(epoch).as_bytes());
        }
    }
    frame.extend_from_slice(b"\ndata: ");
    write_data(frame);
    frame.extend_from_slice(b"\n\n");
}

/// A stream of frames with a heartbeat whenever nothing was sent for [`limits::HEARTBEAT_INTERVAL`].
pub(crate) struct FrameStream(BoxStream<'static, Frame>);

impl fmt::Debug for FrameStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameStream")
    }
}

impl FrameStream {
    /// The stream ends with its source, or when the service stops.
    pub(crate) fn new(source: impl Stream<Item = Frame> + Send + 'static, stopping: CancellationToken) -> Self {
        let mut source = Box::pin(source);
        let first = Instant::now() + limits::HEARTBEAT_INTERVAL;
        let mut heartbeat = tokio::time::interval_at(first, limits::HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let frames = futures::stream::poll_fn(move |cx| {
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

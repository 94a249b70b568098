//! One subscriber of the event stream.

use std::sync::Arc;
use std::time::Duration;

use common::Position;
use common::wire::{Resync, UpstreamStatus};
use futures::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::live::{Live, Published, Subscription, resync};
use crate::http::{Frame, write_event};

/// Timeout of waiting for events that the subscriber already has, for example through another front-end.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(1);

struct Subscriber {
    live: Arc<Live>,
    stream: broadcast::Receiver<Published>,
    position: Position,
    /// Releases a slot of [`common::limits::SUBSCRIBERS_MAX`] on drop.
    _permit: OwnedSemaphorePermit,
}

/// The stream of a subscriber that has the events up to `after`; `None` until the feed is connected for the first time. `head`
/// is the last entry that the front-end knows; the stream does not begin before it.
pub(super) async fn subscribe(
    live: &Arc<Live>,
    after: Option<Position>,
    head: Position,
    permit: OwnedSemaphorePermit,
) -> Option<impl Stream<Item = Frame> + Send + use<>> {
    let after_in_history = after.filter(|after| after.epoch == head.epoch);
    let expected = after_in_history.map_or(head, |after| after.max(head));
    // A subscriber that is still ahead after the timeout gets a resync.
    let _ = tokio::time::timeout(CATCH_UP_TIMEOUT, live.wait_for_position(expected)).await;
    let Subscription {
        hello,
        live: is_live,
        missed,
        stream,
    } = live.subscribe(after)?;
    let mut first = Vec::new();
    write_event(&mut first, "hello", None, &hello);
    match missed {
        Some(missed) => missed
            .iter()
            .for_each(|event| event.write_to(&mut first, hello.position())),
        None => {
            live.resyncs.add(1);
            write_event(&mut first, "resync", Some(hello.position()), &Resync { seq: hello.seq });
        }
    }
    if !is_live {
        write_event(&mut first, "source", None, &UpstreamStatus { live: false });
    }
    let subscriber = Subscriber {
        live: Arc::clone(live),
        stream,
        position: hello.position(),
        _permit: permit,
    };
    let next = |mut subscriber: Subscriber| async move { Some((subscriber.next().await?, subscriber)) };
    let first = futures::stream::iter([Frame::new(first)]);
    Some(first.chain(futures::stream::unfold(subscriber, next)))
}

impl Subscriber {
    async fn next(&mut self) -> Option<Frame> {
        loop {
            match self.stream.recv().await {
                Ok(Published {
                    last_position: Some(last),
                    ..
                }) if last <= self.position => {}
                Ok(Published { frame, .. }) => return Some(frame),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // The subscriber missed events: it reads everything again and continues from here.
                    let Subscription { hello, stream, .. } = self.live.subscribe(None)?;
                    self.live.resyncs.add(1);
                    self.stream = stream;
                    self.position = hello.position();
                    return Some(resync(self.position));
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

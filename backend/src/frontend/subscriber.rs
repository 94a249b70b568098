//! One reader of the event stream.

use std::sync::Arc;
use std::time::Duration;

use common::Seq;
use common::wire::{Resync, UpstreamStatus};
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::live::{Live, Published, Start};
use crate::http::{Frame, write_event};

/// How long the events are waited for that a reader has seen already, through another front-end for one, or the very first.
const WAIT_MAX: Duration = Duration::from_secs(1);

struct Reader {
    live: Arc<Live>,
    stream: broadcast::Receiver<Published>,
    first: Option<Frame>,
    position: Seq,
    _place: OwnedSemaphorePermit,
}

/// The stream of a reader that saw everything up to `after`; nothing until the catalog was heard of for the first time.
/// `head` is the last entry that the front-end knows of: the stream begins no earlier.
pub(super) async fn subscribe(
    live: &Arc<Live>,
    after: Option<Seq>,
    head: Seq,
    place: OwnedSemaphorePermit,
) -> Option<impl Stream<Item = Frame> + Send + use<>> {
    let expected = after.unwrap_or(Seq::ZERO).max(head);
    // Whoever is still ahead then is told to read afresh; while the catalog was never heard of, to come again.
    let _ = tokio::time::timeout(WAIT_MAX, live.hear(expected)).await;
    let Start {
        hello,
        live: is_live,
        missed,
        stream,
    } = live.start(after)?;
    let mut first = Vec::new();
    write_event(&mut first, "hello", None, &hello);
    match missed {
        Some(missed) => missed
            .iter()
            .for_each(|moved| write_event(&mut first, "stock", Some(moved.seq.0), moved)),
        None => write_event(&mut first, "resync", None, &Resync { seq: hello.seq }),
    }
    if !is_live {
        write_event(&mut first, "source", None, &UpstreamStatus { live: false });
    }
    let reader = Reader {
        live: Arc::clone(live),
        stream,
        first: Some(Frame::new(first)),
        position: hello.seq,
        _place: place,
    };
    Some(futures::stream::unfold(reader, |mut reader| async move {
        Some((reader.next().await?, reader))
    }))
}

impl Reader {
    async fn next(&mut self) -> Option<Frame> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.stream.recv().await {
                Ok(Published { until: Some(until), .. }) if until <= self.position => {}
                Ok(Published { frame, .. }) => return Some(frame),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // Everything up to now has passed it by; it reads that afresh and goes on from here.
                    let Start { hello, stream, .. } = self.live.start(None)?;
                    self.stream = stream;
                    self.position = hello.seq;
                    return Some(Frame::event("resync", None, &Resync { seq: hello.seq }));
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

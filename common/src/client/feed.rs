//! The catalog's feed over HTTP, which reconnects and passes whole groups of entries to a [`Follower`].

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::catalog::Follower;
use super::{EventStream, ReconnectingStream, Result, StreamItem};
use crate::backoff::Backoff;
use crate::{Entry, Position};

/// The most received entries before a call of [`Follower::apply`].
const ENTRIES_AT_ONCE: usize = 1_024;
/// Delays before a reconnect of the feed.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Follows the feed without end; `open` makes one connection that resumes after its argument.
pub(super) async fn follow(
    follower: Arc<dyn Follower>,
    open: impl FnMut(Option<Position>) -> BoxFuture<'static, Result<EventStream<Entry>>> + Send + 'static,
) {
    follow_stream(&*follower, ReconnectingStream::new(None, RECONNECT, open)).await;
}

/// A feed that reconnects; tests replace it.
trait Feed {
    fn next(&mut self) -> impl Future<Output = StreamItem<Entry>> + Send;
    fn reconnect(&mut self);
}

impl Feed for ReconnectingStream<Entry> {
    fn next(&mut self) -> impl Future<Output = StreamItem<Entry>> + Send {
        self.next()
    }

    fn reconnect(&mut self) {
        self.reconnect();
    }
}

async fn follow_stream(follower: &dyn Follower, mut feed: impl Feed) {
    let mut entries = Vec::new();
    loop {
        let mut next = Some(feed.next().await);
        // Entries that have already arrived are applied together, up to the last whole group.
        while let Some(StreamItem::Event(entry)) = next {
            entries.push(entry);
            next = match entries.len() {
                ENTRIES_AT_ONCE.. => None,
                _ => feed.next().now_or_never(),
            };
        }
        if let Some(last) = entries.iter().rposition(|entry: &Entry| entry.line.is_last()) {
            follower.apply(entries.get(..=last).unwrap_or_default());
            entries.drain(..=last);
        }
        if next.is_some() {
            // The next connection repeats an incomplete group from its first line.
            entries.clear();
        }
        match next {
            Some(StreamItem::Connected { hello, after, .. }) => {
                let head = hello.position();
                follower.connected(&hello, head.start_of_stream(after));
                if after.is_some_and(|after| !head.satisfies(after)) {
                    // The store lost entries: the next connection resumes at its head.
                    feed.reconnect();
                }
            }
            Some(StreamItem::Disconnected { error, .. }) => {
                tracing::debug!(%error, "the catalog's feed is disconnected");
                follower.disconnected();
            }
            _ => {}
        }
    }
}

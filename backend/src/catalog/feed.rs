//! The feed: every entry, in order, as soon as it is durable.

use std::sync::Arc;

use common::wire::{FastJson, Hello};
use common::{Entry, Seq};
use futures::Stream;

use super::{Catalog, FEED_PAGE};
use crate::http::{Frame, FrameStream, write_event_with};
use tokio_util::sync::CancellationToken;

/// A feed's place between two pages.
struct Reader {
    catalog: Arc<Catalog>,
    greeted: bool,
    position: Seq,
}

/// A stream that begins with a `hello` and goes on with the entries after `after`; without it, with those that come.
pub(super) fn open(catalog: &Arc<Catalog>, after: Option<Seq>, stopping: CancellationToken) -> FrameStream {
    let head = catalog.head();
    // Whoever has seen more than there is finds out from the `hello`.
    let position = after.unwrap_or(head).min(head);
    let reader = Reader {
        catalog: Arc::clone(catalog),
        greeted: false,
        position,
    };
    FrameStream::new(frames(reader), stopping)
}

fn frames(reader: Reader) -> impl Stream<Item = Frame> + Send {
    futures::stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) })
}

impl Reader {
    async fn next(&mut self) -> Option<Frame> {
        if !self.greeted {
            self.greeted = true;
            let hello = Hello {
                seq: self.catalog.head(),
                store: self.catalog.store_id(),
            };
            return Some(Frame::event("hello", None, &hello));
        }
        let mut head = self.catalog.head.clone();
        // The sender lives as long as the ledger's thread; without it nothing comes any more.
        head.wait_for(|&head| head > self.position).await.ok()?;
        match self.catalog.ledger_page(self.position, FEED_PAGE).await {
            Ok(page) => Some(self.write(&page.entries)),
            Err(error) => {
                tracing::error!(%error, "a feed ended");
                None
            }
        }
    }

    fn write(&mut self, entries: &[Entry]) -> Frame {
        let mut frame = Vec::with_capacity(entries.len().saturating_mul(256));
        for entry in entries {
            write_event_with(&mut frame, "entry", Some(entry.seq.0), |frame| entry.write_json(frame));
            self.position = entry.seq;
        }
        Frame::new(frame)
    }
}

//! The feed: every entry, in order, as soon as it is durable.

use std::sync::Arc;

use common::wire::{FastJson, Hello};
use common::{Entry, Seq, limits};
use futures::Stream;
use tokio_util::sync::CancellationToken;

use super::service::Catalog;
use crate::http::{Frame, FrameStream, write_event_with};

/// A subscriber's position.
struct Reader {
    catalog: Arc<Catalog>,
    said_hello: bool,
    position: Seq,
}

/// A stream of a `hello` and the entries after `after`; by default, those that become durable from now on. A position
/// beyond the head is lowered to the head, which the client can see in the `hello`.
pub(super) fn open(catalog: &Arc<Catalog>, after: Option<Seq>, stopping: CancellationToken) -> FrameStream {
    let head = catalog.head();
    let reader = Reader {
        catalog: Arc::clone(catalog),
        said_hello: false,
        position: after.unwrap_or(head).min(head),
    };
    FrameStream::new(frames(reader), stopping)
}

fn frames(reader: Reader) -> impl Stream<Item = Frame> + Send {
    futures::stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) })
}

impl Reader {
    async fn next(&mut self) -> Option<Frame> {
        if !self.said_hello {
            self.said_hello = true;
            let hello = Hello {
                seq: self.catalog.head(),
                store: self.catalog.store_id(),
            };
            return Some(Frame::event("hello", None, &hello));
        }
        let mut head = self.catalog.watch_head();
        // Fails when the ledger's thread has ended; no entry follows then.
        head.wait_for(|&head| head > self.position).await.ok()?;
        match self.catalog.ledger_page(self.position, limits::LEDGER_PAGE_MAX).await {
            Ok(page) => Some(self.write(&page.entries)),
            Err(error) => {
                tracing::debug!(%error, "a feed ended");
                None
            }
        }
    }

    fn write(&mut self, entries: &[Entry]) -> Frame {
        let mut frame = Vec::with_capacity(entries.len().saturating_mul(256));
        for entry in entries {
            // A reader resumes after a whole group, so only its end has an id.
            let id = entry.line.is_last().then_some(entry.seq.0);
            write_event_with(&mut frame, "entry", id, |frame| entry.write_json(frame));
            self.position = entry.seq;
        }
        Frame::new(frame)
    }
}

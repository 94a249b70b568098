//! The feed: every entry, in order, as soon as it is durable.

use std::sync::Arc;

use common::wire::{FastJson, Hello};
use common::{Entry, Position, StoreId, limits};
use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::service::CatalogService;
use super::state::LedgerEnd;
use crate::http::{Frame, FrameStream, write_event_with};

/// A reader of the feed and its position.
struct Reader {
    catalog: Arc<CatalogService>,
    end: watch::Receiver<LedgerEnd>,
    /// The store in the `hello`; the feed ends when the history is replaced.
    store: StoreId,
    position: Position,
}

/// A stream of a `hello` and the entries after `after`. It begins at the head without `after`, or if `after` is beyond the head
/// or in another history; the client detects that by the `hello`.
pub(super) fn open(
    catalog: &Arc<CatalogService>,
    after: Option<Position>,
    stopping: CancellationToken,
) -> Result<FrameStream, Error> {
    let end = catalog.watch_end()?;
    let LedgerEnd { store, head } = *end.borrow();
    let hello = Hello {
        seq: head.seq,
        store,
        epoch: head.epoch,
    };
    let reader = Reader {
        catalog: Arc::clone(catalog),
        end,
        store,
        position: head.start_of_stream(after),
    };
    let next = |mut reader: Reader| async move { Some((reader.next().await?, reader)) };
    let first = futures::stream::iter([Frame::event("hello", None, &hello)]);
    Ok(FrameStream::new(
        first.chain(futures::stream::unfold(reader, next)),
        stopping,
    ))
}

impl Reader {
    async fn next(&mut self) -> Option<Frame> {
        let (store, position) = (self.store, self.position);
        // Fails after the end of the ledger thread: no entry follows.
        let end = self.end.wait_for(|end| end.head > position || end.store != store);
        end.await.ok()?;
        let page = self.catalog.ledger_page(position.seq, limits::LEDGER_PAGE_MAX).await;
        if self.end.borrow().store != store {
            return None;
        }
        match page {
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
            // A reader resumes after a whole group, so only the last entry of a group has an id.
            let position = self.position.at(entry.seq);
            let id = entry.line.is_last().then_some(position);
            write_event_with(&mut frame, "entry", id, |frame| entry.write_json(frame));
            self.position = position;
        }
        Frame::new(frame)
    }
}

//! The feed: every entry, in order, as soon as it is durable.

use std::sync::Arc;

use common::wire::{FastJson, Hello};
use common::{Entry, Seq, StoreId, limits};
use futures::Stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::service::Catalog;
use super::state::LedgerEnd;
use crate::http::{Frame, FrameStream, write_event_with};

/// A subscriber's position.
struct Reader {
    catalog: Arc<Catalog>,
    end: watch::Receiver<LedgerEnd>,
    /// The store that the `hello` named; the feed ends when the history becomes another one.
    store: Option<StoreId>,
    position: Seq,
}

/// A stream of a `hello` and the entries after `after`; by default, those that become durable from now on. A position
/// beyond the head is lowered to the head, which the client can see in the `hello`.
pub(super) fn open(
    catalog: &Arc<Catalog>,
    after: Option<Seq>,
    stopping: CancellationToken,
) -> Result<FrameStream, Error> {
    let end = catalog.watch_end()?;
    let head = end.borrow().head;
    let reader = Reader {
        catalog: Arc::clone(catalog),
        end,
        store: None,
        position: after.unwrap_or(head).min(head),
    };
    Ok(FrameStream::new(frames(reader), stopping))
}

fn frames(reader: Reader) -> impl Stream<Item = Frame> + Send {
    futures::stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) })
}

impl Reader {
    async fn next(&mut self) -> Option<Frame> {
        let Some(store) = self.store else {
            let LedgerEnd { store, head } = *self.end.borrow();
            self.store = Some(store);
            return Some(Frame::event("hello", None, &Hello { seq: head, store }));
        };
        let position = self.position;
        // Fails when the ledger's thread has ended; no entry follows then.
        let end = self.end.wait_for(|end| end.head > position || end.store != store);
        end.await.ok()?;
        let page = self.catalog.ledger_page(position, limits::LEDGER_PAGE_MAX).await;
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
            // A reader resumes after a whole group, so only its end has an id.
            let id = entry.line.is_last().then_some(entry.seq.0);
            write_event_with(&mut frame, "entry", id, |frame| entry.write_json(frame));
            self.position = entry.seq;
        }
        Frame::new(frame)
    }
}

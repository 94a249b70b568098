//! The event stream, followed while the shoppers shop: its entries must come in order, and each stock must be the one before
//! it with the change.

use std::collections::HashMap;
use std::sync::Arc;

use common::client::ShopEvent;
use common::wire::StockEvent;
use common::{ItemNumber, Seq, Stock};

use super::{Check, Findings};
use crate::engine::Shared;
use common::backoff::Backoff;

/// Books whose last stock is remembered.
const BOOKS_MAX: usize = 100_000;

/// What the stream told last.
#[derive(Debug, Default)]
struct Decided {
    books: HashMap<ItemNumber, (Seq, Stock)>,
}

impl Decided {
    fn hears(&mut self, moved: &StockEvent, findings: &mut Findings) {
        findings.count(Check::FeedInOrder, 1);
        if self.books.len() >= BOOKS_MAX {
            self.books.clear();
        }
        let Some((seq, stock)) = self.books.insert(moved.item, (moved.seq, moved.stock)) else {
            return;
        };
        let line = |seq: Seq, stock: Stock| format!("event {seq}: item {}, stock {stock}", moved.item);
        let history = || {
            vec![
                line(seq, stock),
                format!("{}, change {}", line(moved.seq, moved.stock), moved.change),
            ]
        };
        if moved.seq <= seq {
            let detail = format!(
                "item {}: the event of entry {} comes after that of entry {seq}",
                moved.item, moved.seq
            );
            findings.add(Check::FeedInOrder, detail, history());
        } else if moved.change != 0 && stock.checked_add_signed(moved.change) != Some(moved.stock) {
            let detail = format!(
                "item {}: {stock} and a change of {} do not make {}",
                moved.item, moved.change, moved.stock
            );
            findings.add(Check::FeedInOrder, detail, history());
        }
    }
}

/// Follows the stream until the shopping is over, coming back whenever it breaks.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut backoff = Backoff::RECONNECT;
    let mut last = None;
    let mut told = Decided::default();
    let following = async {
        loop {
            if let Ok(mut events) = shared.shop.events(last).await {
                backoff.reset();
                shared.stats().findings.feed_is_live();
                last = last.or(Some(events.hello().seq));
                while let Ok(event) = events.next().await {
                    match event {
                        ShopEvent::Stock(moved) => {
                            last = last.max(Some(moved.seq));
                            told.hears(&moved, &mut shared.stats().findings);
                        }
                        // What lies between is not told, so nothing can be said of it.
                        ShopEvent::Resync(resync) => {
                            last = Some(resync.seq);
                            told = Decided::default();
                        }
                        ShopEvent::Upstream(_) => {}
                    }
                }
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    };
    tokio::select! {
        () = following => {}
        () = shared.stopping.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use common::Timestamp;

    use super::*;

    #[test]
    fn events_come_in_order_and_their_changes_make_their_stocks() {
        let mut told = Decided::default();
        let mut findings = Findings::default();
        let mut hears = |seq: u64, stock: u64, change: i64| {
            let moved = StockEvent {
                seq: Seq(seq),
                item: ItemNumber::try_from(1).unwrap(),
                stock: Stock::try_from(stock).unwrap(),
                change,
                at: Timestamp::from_micros(0),
            };
            told.hears(&moved, &mut findings);
            findings.violations()
        };
        // The last of these: merged, then of something else about the book.
        assert_eq!((hears(4, 10, -1), hears(7, 7, -3), hears(8, 7, 0)), (0, 0, 0));
        assert_eq!(hears(9, 7, -1), 1, "a change was lost");
        assert_eq!(hears(8, 8, -1), 2, "an older event came later");
    }
}

//! Checks the event stream during a run: entries arrive in order, and each stock is the one before it plus the change.

use std::collections::HashMap;
use std::sync::Arc;

use common::client::{ShopEvent, StreamItem};
use common::wire::StockEvent;
use common::{ItemNumber, Seq, Stock};

use super::{Check, Findings};
use crate::run_state::Shared;

/// The number of books whose last event is kept.
const BOOKS_MAX: usize = 100_000;

/// The last event of each book.
#[derive(Debug, Default)]
struct LastEvents {
    books: HashMap<ItemNumber, (Seq, Stock)>,
}

impl LastEvents {
    fn check(&mut self, event: &StockEvent, findings: &mut Findings) {
        findings.count(Check::FeedInOrder, 1);
        if self.books.len() >= BOOKS_MAX {
            self.books.clear();
        }
        let Some((seq, stock)) = self.books.insert(event.item, (event.seq, event.stock)) else {
            return;
        };
        let line = |seq: Seq, stock: Stock| format!("event {seq}: item {}, stock {stock}", event.item);
        let history = || {
            vec![
                line(seq, stock),
                format!("{}, change {}", line(event.seq, event.stock), event.change),
            ]
        };
        if event.seq <= seq {
            let detail = format!(
                "item {}: the event of entry {} comes after that of entry {seq}",
                event.item, event.seq
            );
            findings.add(Check::FeedInOrder, detail, history());
        } else if event.change != 0 && stock.checked_add_signed(event.change) != Some(event.stock) {
            let detail = format!(
                "item {}: {stock} and a change of {} do not make {}",
                event.item, event.change, event.stock
            );
            findings.add(Check::FeedInOrder, detail, history());
        }
    }
}

/// Follows the event stream until the run stops.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut stream = shared.shop.follow_events(None);
    let mut last = LastEvents::default();
    loop {
        let item = tokio::select! {
            item = stream.next() => item,
            () = shared.stopping.cancelled() => return,
        };
        let findings = &mut shared.stats().findings;
        match item {
            StreamItem::Connected { .. } => findings.feed_is_live(),
            StreamItem::Event(ShopEvent::Stock(event)) => last.check(&event, findings),
            // The events that were skipped are unknown, so the next one of each book has none to be compared with.
            StreamItem::Event(ShopEvent::Resync(_)) => last = LastEvents::default(),
            StreamItem::Event(ShopEvent::Upstream(_))
            | StreamItem::Connecting { .. }
            | StreamItem::Disconnected { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use common::Timestamp;

    use super::*;

    #[test]
    fn events_out_of_order_or_with_a_wrong_stock_are_found() {
        let mut last = LastEvents::default();
        let mut findings = Findings::default();
        let mut check = |seq: u64, stock: u64, change: i64| {
            let event = StockEvent {
                seq: Seq(seq),
                item: ItemNumber::try_from(1).unwrap(),
                stock: Stock::try_from(stock).unwrap(),
                change,
                at: Timestamp::from_micros(0),
            };
            last.check(&event, &mut findings);
            findings.violations()
        };
        // The second is a merged event; the third changes something else about the book.
        assert_eq!((check(4, 10, -1), check(7, 7, -3), check(8, 7, 0)), (0, 0, 0));
        assert_eq!(check(9, 7, -1), 1, "a change was lost");
        assert_eq!(check(8, 8, -1), 2, "an older event came later");
    }
}

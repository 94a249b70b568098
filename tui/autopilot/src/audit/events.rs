//! Checks the event stream during a run: events are in order, and each stock is the previous one plus the change.

use std::collections::HashMap;
use std::sync::Arc;

use common::ItemNumber;
use common::client::{ShopEvent, StreamItem};
use common::wire::StockEvent;

use super::{Check, Findings};
use crate::run_state::RunState;

/// The number of books whose last event is kept.
const BOOKS_MAX: usize = 100_000;

#[derive(Debug, Default)]
struct LastEvents(HashMap<ItemNumber, StockEvent>);

impl LastEvents {
    fn check(&mut self, event: StockEvent, findings: &mut Findings) {
        findings.count(Check::FeedInOrder, 1);
        if self.0.len() >= BOOKS_MAX {
            self.0.clear();
        }
        let StockEvent {
            seq,
            item,
            stock,
            change,
            ..
        } = event;
        let Some(before) = self.0.insert(item, event) else {
            return;
        };
        let detail = if seq <= before.seq {
            format!(
                "item {item}: the event of entry {seq} comes after that of entry {}",
                before.seq
            )
        } else if change != 0 && before.stock.checked_add_signed(change) != Some(stock) {
            format!(
                "item {item}: {} and a change of {change} do not make {stock}",
                before.stock
            )
        } else {
            return;
        };
        let history = vec![
            format!("event {}: item {item}, stock {}", before.seq, before.stock),
            format!("event {seq}: item {item}, stock {stock}, change {change}"),
        ];
        findings.add(Check::FeedInOrder, detail, history);
    }
}

/// Follows the event stream until the run stops.
pub(crate) async fn follow(shared: Arc<RunState>) {
    let mut stream = shared.shop.follow_events(None);
    let mut last = LastEvents::default();
    loop {
        let item = tokio::select! {
            item = stream.next() => item,
            () = shared.stopping.cancelled() => return,
        };
        let findings = &mut shared.stats().findings;
        match item {
            // The check counts as made even without an event.
            StreamItem::Connected { .. } => findings.count(Check::FeedInOrder, 0),
            StreamItem::Event(ShopEvent::Stock(event)) => last.check(event, findings),
            // Events were skipped, so the next event of each book cannot be compared.
            StreamItem::Event(ShopEvent::Resync(_)) => last = LastEvents::default(),
            StreamItem::Event(ShopEvent::Upstream(_))
            | StreamItem::Connecting { .. }
            | StreamItem::Disconnected { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use common::{Seq, Stock, Timestamp};

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
            last.check(event, &mut findings);
            findings.violations()
        };
        // The second is a merged event; the third changes something else about the book.
        assert_eq!((check(4, 10, -1), check(7, 7, -3), check(8, 7, 0)), (0, 0, 0));
        assert_eq!(check(9, 7, -1), 1, "a change was lost");
        assert_eq!(check(8, 8, -1), 2, "an older event came later");
    }
}

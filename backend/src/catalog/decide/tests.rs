//! Decisions on a ledger with two books.

use std::convert::Infallible;

use common::wire::{BookAction, BookChanges, OrderLine, OrderLines, Sale, StockChange};
use common::{Deadline, Quantity, Reason};

use super::*;

mod books;
mod refusals;
mod updates;

/// Two books, number 1 with the given stock and number 2 with one copy, and the entries so far.
struct Fixture {
    stock: Stock,
    epoch: Epoch,
    entries: Vec<Entry>,
}

impl DurableState for Fixture {
    type Error = Infallible;

    fn head(&self) -> Seq {
        Seq(self.entries.len() as u64)
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn book(&self, item: ItemNumber) -> Option<CurrentBook> {
        let (title, stock) = match item.get() {
            1 => ("One", self.stock),
            2 => ("Two", Stock::try_from(1).unwrap()),
            _ => return None,
        };
        Some(CurrentBook {
            title: title.into(),
            stock,
            cost: "40".parse().unwrap(),
            seq: Seq::ZERO,
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<InlineVec<Entry>, Infallible> {
        let of_order = self.entries.iter().filter(|entry| entry.order == Some(order));
        Ok(of_order.cloned().collect())
    }
}

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn shop(stock: u64) -> Fixture {
    Fixture {
        stock: Stock::try_from(stock).unwrap(),
        epoch: Epoch::FIRST,
        entries: Vec::new(),
    }
}

fn basket<const N: usize>(lines: [(u64, u64); N]) -> Sale {
    let lines = lines.map(|(item, quantity)| OrderLine {
        item: ItemNumber::try_from(item).unwrap(),
        quantity: Quantity::try_from(quantity).unwrap(),
    });
    Sale {
        id: OrderId::generate(),
        lines: OrderLines::new(lines).unwrap(),
        keyed: true,
        resent: false,
        deadline: Deadline::from_millis(NOW.as_millis() + 1),
    }
}

fn sale(item: u64, quantity: u64) -> Sale {
    basket([(item, quantity)])
}

/// A change of one book.
fn update(item: u64, action: BookAction) -> CatalogUpdate {
    CatalogUpdate {
        id: OrderId::generate(),
        changes: BookChanges::one(ItemNumber::try_from(item).unwrap(), action),
        keyed: true,
        if_match: None,
        if_none_match: None,
        deadline: Deadline::from_millis(NOW.as_millis() + 1),
    }
}

fn change(by: i64) -> CatalogUpdate {
    update(1, BookAction::Stock(StockChange::By(by)))
}

fn entries(verdict: Verdict) -> InlineVec<Entry> {
    match verdict {
        Verdict::Recorded { entries, .. } => entries,
        other => panic!("{other:?} is not recorded"),
    }
}

fn entry(verdict: Verdict) -> Entry {
    let [entry] = entries(verdict).into_inner().unwrap();
    entry
}

#[test]
fn a_batch_never_sells_more_than_the_stock() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    assert_eq!(entry(batch.sell(&sale(1, 2)).unwrap()).kind, Kind::Sold);
    let refused = entry(batch.sell(&sale(1, 2)).unwrap());
    assert_eq!((refused.kind, refused.reason), (Kind::Refused, Some(Reason::SoldOut)));
    let last = entry(batch.sell(&sale(1, 1)).unwrap());
    assert_eq!((last.stock_after, last.seq), (Some(Stock::ZERO), Seq(3)));
}

#[test]
fn the_same_order_twice_in_a_batch_is_sold_once() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let sale = sale(1, 1);
    let first = entry(batch.sell(&sale).unwrap());
    assert_eq!(
        batch.sell(&sale).unwrap(),
        Verdict::Recorded {
            entries: InlineVec::from_buf([first]),
            replayed: true
        }
    );
    assert_eq!(batch.into_entries().len(), 1);
}

#[test]
fn a_key_of_another_order_is_refused_and_changes_nothing() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let first = sale(1, 1);
    batch.sell(&first).unwrap();
    let other_quantity = Sale {
        lines: sale(1, 2).lines,
        ..first.clone()
    };
    assert_eq!(batch.sell(&other_quantity).unwrap(), Verdict::KeyReused);
    assert_eq!(
        batch
            .update_books(&CatalogUpdate {
                id: first.id,
                ..change(1)
            })
            .unwrap(),
        Verdict::KeyReused
    );
}

#[test]
fn an_order_after_its_deadline_is_not_applied_but_a_decided_one_is_replayed() {
    let late = Sale {
        deadline: Deadline::from_millis(0),
        ..sale(1, 1)
    };
    let mut shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    assert_eq!(batch.sell(&late).unwrap(), Verdict::Expired);
    let in_time = Sale {
        deadline: Deadline::from_millis(u64::MAX),
        ..late.clone()
    };
    let sold = entry(batch.sell(&in_time).unwrap());
    shop.entries = batch.into_entries();
    let verdict = DecisionBatch::new(&shop, NOW).sell(&late).unwrap();
    assert_eq!(
        verdict,
        Verdict::Recorded {
            entries: InlineVec::from_buf([sold]),
            replayed: true
        }
    );
}

#[test]
fn a_refusal_is_recorded_only_if_its_request_can_arrive_again() {
    let shop = shop(0);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let once = Sale {
        keyed: false,
        ..sale(1, 1)
    };
    let refused = RefusedLine {
        item: once.lines[0].item,
        reason: Reason::SoldOut,
        stock: Some(Stock::ZERO),
    };
    assert_eq!(
        batch.sell(&once).unwrap(),
        Verdict::RefusedUnrecorded(InlineVec::from_buf([refused]))
    );
    let resent = entry(batch.sell(&Sale { resent: true, ..once }).unwrap());
    assert_eq!(resent.kind, Kind::Refused);
    let unknown = entry(batch.sell(&sale(9, 1)).unwrap());
    assert_eq!(
        (unknown.reason, unknown.stock_after, unknown.unit_cost, unknown.title),
        (Some(Reason::UnknownItem), None, None, None)
    );
}

fn lines(entries: &[Entry]) -> Vec<(u64, u16, u16, Option<Reason>)> {
    let line = |entry: &Entry| (entry.item.get(), entry.line.number(), entry.line.count(), entry.reason);
    entries.iter().map(line).collect()
}

#[test]
fn a_basket_is_sold_whole_and_replayed_whole() {
    let mut shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    batch.sell(&sale(1, 1)).unwrap();
    let order = basket([(2, 1), (1, 2)]);
    let sold = entries(batch.sell(&order).unwrap());
    assert_eq!(lines(&sold), [(1, 1, 2, None), (2, 2, 2, None)]);
    let effects: Vec<_> = sold
        .iter()
        .map(|entry| (entry.seq.0, entry.change, entry.title.as_deref()))
        .collect();
    assert_eq!(effects, [(2, -2, Some("One")), (3, -1, Some("Two"))]);
    let replay = Verdict::Recorded {
        entries: sold.clone(),
        replayed: true,
    };
    batch.sell(&sale(1, 1)).unwrap();
    assert_eq!(batch.sell(&order).unwrap(), replay);
    shop.entries = batch.into_entries();
    assert_eq!(DecisionBatch::new(&shop, NOW).sell(&order).unwrap(), replay);
    for other in [sale(1, 2), basket([(1, 2), (2, 2)]), basket([(1, 2), (2, 1), (3, 1)])] {
        let reused = Sale { id: order.id, ..other };
        assert_eq!(
            DecisionBatch::new(&shop, NOW).sell(&reused).unwrap(),
            Verdict::KeyReused
        );
    }
}

#[test]
fn a_basket_with_one_refused_line_changes_no_stock() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let (sold_out, unknown) = (Some(Reason::SoldOut), Some(Reason::UnknownItem));
    let with_others = Some(Reason::WithOthers);
    let refused = entries(batch.sell(&basket([(1, 1), (2, 2)])).unwrap());
    assert_eq!(lines(&refused), [(1, 1, 2, with_others), (2, 2, 2, sold_out)]);
    let refused = entries(batch.sell(&basket([(1, 1), (2, 2), (9, 1)])).unwrap());
    assert_eq!(
        lines(&refused),
        [(1, 1, 3, with_others), (2, 2, 3, sold_out), (9, 3, 3, unknown)]
    );
    let once = Sale {
        keyed: false,
        ..basket([(1, 4), (2, 1), (9, 1)])
    };
    let Verdict::RefusedUnrecorded(refused) = batch.sell(&once).unwrap() else {
        panic!("recorded")
    };
    let reasons: Vec<_> = refused
        .iter()
        .map(|line| (line.item.get(), line.reason, line.stock.map(Stock::get)))
        .collect();
    assert_eq!(reasons, [(1, Reason::SoldOut, Some(3)), (9, Reason::UnknownItem, None)]);
    assert!(
        entries(batch.sell(&basket([(1, 3), (2, 1)])).unwrap().clone())
            .iter()
            .all(|entry| entry.kind == Kind::Sold)
    );
}

#[test]
fn a_condition_is_compared_with_the_last_change_after_replay_and_deadline() {
    let mut shop = Fixture {
        epoch: Epoch(1),
        ..shop(3)
    };
    let mut batch = DecisionBatch::new(&shop, NOW);
    let only_at = |tag| format!("\"{tag}\"").parse().ok();
    for other_history in ["0", "0.2"] {
        let update = CatalogUpdate {
            if_match: only_at(other_history),
            ..change(1)
        };
        assert_eq!(batch.update_books(&update).unwrap(), Verdict::PreconditionFailed);
    }
    let first = CatalogUpdate {
        if_match: only_at("0.1"),
        ..change(1)
    };
    assert_eq!(entry(batch.update_books(&first).unwrap()).seq, Seq(1));
    let stale = CatalogUpdate {
        if_match: only_at("0.1"),
        ..change(1)
    };
    assert_eq!(batch.update_books(&stale).unwrap(), Verdict::PreconditionFailed);
    let late = CatalogUpdate {
        deadline: Deadline::from_millis(0),
        ..stale.clone()
    };
    assert_eq!(batch.update_books(&late).unwrap(), Verdict::Expired);
    let current = CatalogUpdate {
        if_match: only_at("1.1"),
        ..stale
    };
    assert_eq!(
        entry(batch.update_books(&current).unwrap()).seq,
        Seq(2),
        "a 412 uses up no key"
    );
    shop.entries = batch.into_entries();
    let replayed = DecisionBatch::new(&shop, NOW).update_books(&first).unwrap();
    assert!(matches!(replayed, Verdict::Recorded { replayed: true, .. }));
}

#[test]
fn a_stock_change_keeps_the_stock_in_its_range_and_is_done_once() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let more = change(5);
    assert_eq!(
        entry(batch.update_books(&more).unwrap()).stock_after,
        Some(Stock::try_from(8).unwrap())
    );
    assert!(matches!(
        batch.update_books(&more).unwrap(),
        Verdict::Recorded { replayed: true, .. }
    ));
    assert_eq!(
        entry(batch.update_books(&change(-9)).unwrap()).reason,
        Some(Reason::SoldOut)
    );
    assert_eq!(batch.update_books(&change(1_000_000_000)).unwrap(), Verdict::OutOfRange);
    let none = update(1, BookAction::Stock(StockChange::To(Stock::ZERO)));
    let set = entry(batch.update_books(&none).unwrap());
    assert_eq!(
        (set.kind, set.change, set.stock_after),
        (Kind::Set, -8, Some(Stock::ZERO))
    );
}

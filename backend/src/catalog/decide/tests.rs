//! Decisions on a ledger with one book.

use std::convert::Infallible;

use common::Quantity;

use super::*;

/// One book, number 1, and the entries so far.
struct Fixture {
    stock: Stock,
    entries: Vec<Entry>,
}

impl DurableState for Fixture {
    type Error = Infallible;

    fn head(&self) -> Seq {
        Seq(self.entries.len() as u64)
    }

    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        (item.get() == 1).then(|| StockAndPrice {
            stock: self.stock,
            cost: "40".parse().unwrap(),
        })
    }

    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Infallible> {
        Ok(self.entries.iter().find(|entry| entry.order == Some(order)).cloned())
    }
}

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn shop(stock: u64) -> Fixture {
    Fixture {
        stock: Stock::try_from(stock).unwrap(),
        entries: Vec::new(),
    }
}

fn sale(item: u64, quantity: u64) -> Sale {
    Sale {
        id: OrderId::generate(),
        item: ItemNumber::try_from(item).unwrap(),
        quantity: Quantity::try_from(quantity).unwrap(),
        keyed: true,
        resent: false,
        deadline: Deadline::from_millis(NOW.as_millis() + 1),
    }
}

fn change(by: i64) -> StockUpdate {
    StockUpdate {
        id: OrderId::generate(),
        item: ItemNumber::try_from(1).unwrap(),
        change: StockChange::By(by),
        keyed: true,
        deadline: Deadline::from_millis(NOW.as_millis() + 1),
    }
}

fn entry(verdict: Verdict) -> Entry {
    match verdict {
        Verdict::Recorded { entry, .. } => entry,
        other => panic!("{other:?} is not recorded"),
    }
}

#[test]
fn a_batch_sells_what_is_there_and_not_one_copy_more() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW);
    assert_eq!(entry(batch.sell(&sale(1, 2)).unwrap()).kind, Kind::Sold);
    let refused = entry(batch.sell(&sale(1, 2)).unwrap());
    assert_eq!((refused.kind, refused.reason), (Kind::Refused, Some(Reason::SoldOut)));
    let last = entry(batch.sell(&sale(1, 1)).unwrap());
    assert_eq!((last.stock_after, last.seq), (Some(Stock::ZERO), Seq(3)));
}

#[test]
fn the_same_order_twice_in_a_batch_is_sold_once() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW);
    let sale = sale(1, 1);
    let first = entry(batch.sell(&sale).unwrap());
    assert_eq!(
        batch.sell(&sale).unwrap(),
        Verdict::Recorded {
            entry: first,
            replayed: true
        }
    );
    assert_eq!(batch.into_entries().len(), 1);
}

#[test]
fn a_key_of_another_order_is_refused_and_uses_nothing_up() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW);
    let first = sale(1, 1);
    batch.sell(&first).unwrap();
    let other_quantity = Sale {
        quantity: Quantity::try_from(2).unwrap(),
        ..first.clone()
    };
    assert_eq!(batch.sell(&other_quantity).unwrap(), Verdict::KeyReused);
    assert_eq!(
        batch
            .update_stock(&StockUpdate {
                id: first.id,
                ..change(1)
            })
            .unwrap(),
        Verdict::KeyReused
    );
}

#[test]
fn a_late_order_is_not_applied_but_a_decided_one_is_replayed_late() {
    let late = Sale {
        deadline: Deadline::from_millis(0),
        ..sale(1, 1)
    };
    let mut shop = shop(3);
    let mut batch = Batch::new(&shop, NOW);
    assert_eq!(batch.sell(&late).unwrap(), Verdict::Expired);
    let in_time = Sale {
        deadline: Deadline::from_millis(u64::MAX),
        ..late.clone()
    };
    let sold = entry(batch.sell(&in_time).unwrap());
    shop.entries = batch.into_entries();
    let verdict = Batch::new(&shop, NOW).sell(&late).unwrap();
    assert_eq!(
        verdict,
        Verdict::Recorded {
            entry: sold,
            replayed: true
        }
    );
}

#[test]
fn a_refusal_is_recorded_only_where_a_second_copy_can_arrive() {
    let shop = shop(0);
    let mut batch = Batch::new(&shop, NOW);
    let once = Sale {
        keyed: false,
        ..sale(1, 1)
    };
    let reason = Reason::SoldOut;
    assert_eq!(
        batch.sell(&once).unwrap(),
        Verdict::Refused {
            reason,
            stock: Some(Stock::ZERO)
        }
    );
    let resent = entry(batch.sell(&Sale { resent: true, ..once }).unwrap());
    assert_eq!(resent.kind, Kind::Refused);
    let unknown = entry(batch.sell(&sale(9, 1)).unwrap());
    assert_eq!(
        (unknown.reason, unknown.stock_after, unknown.unit_cost),
        (Some(Reason::UnknownItem), None, None)
    );
}

#[test]
fn a_stock_change_keeps_the_stock_in_its_range_and_is_done_once() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW);
    let more = change(5);
    assert_eq!(
        entry(batch.update_stock(&more).unwrap()).stock_after,
        Some(Stock::try_from(8).unwrap())
    );
    assert!(matches!(
        batch.update_stock(&more).unwrap(),
        Verdict::Recorded { replayed: true, .. }
    ));
    assert_eq!(
        entry(batch.update_stock(&change(-9)).unwrap()).reason,
        Some(Reason::SoldOut)
    );
    assert_eq!(batch.update_stock(&change(1_000_000_000)).unwrap(), Verdict::OutOfRange);
    let none = StockUpdate {
        change: StockChange::To(Stock::ZERO),
        ..change(0)
    };
    let set = entry(batch.update_stock(&none).unwrap());
    assert_eq!(
        (set.kind, set.change, set.stock_after),
        (Kind::Set, -8, Some(Stock::ZERO))
    );
}

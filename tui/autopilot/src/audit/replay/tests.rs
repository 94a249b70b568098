//! One book with ten copies, and each way in which its ledger can be wrong.

use common::{Reason, Timestamp};

use super::super::history::tests::act;
use super::super::{Asked, SHOPKEEPER};
use super::*;
use crate::sample::SampleBook;

const COST: &str = "2.50";

struct Fixture {
    replay: Replay,
    history: History,
    run: Run,
}

fn fixture() -> Fixture {
    let run = Run::draw();
    let sample = BookSample {
        topics: vec!["all".into()],
        books: vec![SampleBook {
            item: item(),
            title: "T".into(),
            cost: COST.parse().unwrap(),
            start: stock(10),
            seq: Seq(1),
        }],
        head: Seq(1),
    };
    let (history, _) = History::new(tempfile::tempfile(), 1);
    Fixture {
        replay: Replay::new(run, &sample),
        history,
        run,
    }
}

fn item() -> ItemNumber {
    ItemNumber::try_from(1).unwrap()
}

fn stock(copies: u64) -> Stock {
    Stock::try_from(copies).unwrap()
}

fn one() -> common::Quantity {
    common::Quantity::ONE
}

impl Fixture {
    fn entry(&self, seq: u64, kind: Kind, change: i64, stock_after: u64, number: u32) -> Entry {
        let is_sale = matches!(kind, Kind::Sold | Kind::Refused);
        let shopper = if is_sale { 0 } else { SHOPKEEPER };
        Entry {
            seq: Seq(seq),
            at: Timestamp::from_micros(0),
            kind,
            item: item(),
            line: common::GroupLine::ONLY,
            quantity: is_sale.then(one),
            change,
            stock_after: Some(stock(stock_after)),
            order: Some(self.run.order(Key { shopper, number })),
            unit_cost: Some(COST.parse().unwrap()),
            reason: (kind == Kind::Refused).then_some(Reason::SoldOut),
            title: None,
            description: None,
        }
    }

    /// Order `number` was sold as entry `seq`.
    fn sold(&mut self, seq: u64, number: u32, left: u64) {
        let told = OperationRecord {
            kind: OperationKind::Sold(one(), Some(COST.parse().unwrap())),
            stock: Some(stock(left)),
            ..act(seq, number)
        };
        self.history.asks(told.key);
        self.history.acknowledged(&told);
    }

    fn asked(&mut self, number: u32) -> Key {
        let key = Key { shopper: 0, number };
        self.history.asks(key);
        key
    }

    fn follow(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.replay.apply(entry, &mut self.history);
        }
    }

    /// Ends the replay and returns the checks that found a violation.
    fn found(mut self) -> Vec<&'static str> {
        self.replay.close(&mut self.history);
        let violations = self.replay.findings.violations;
        assert!(violations.iter().all(|violation| !violation.detail.is_empty()));
        violations.iter().map(|violation| violation.check).collect()
    }
}

#[test]
fn a_correct_ledger_with_orders_of_other_clients_is_clean() {
    let mut shop = fixture();
    shop.sold(2, 0, 9);
    let unknown = shop.asked(1);
    shop.history.unsettled(
        unknown,
        Asked {
            item: item(),
            quantity: one(),
        },
    );
    let refused = shop.asked(2);
    shop.history.refused(refused);
    let others = Entry {
        order: Some(OrderId::generate()),
        ..shop.entry(3, Kind::Sold, -9, 0, 9)
    };
    let others = Entry {
        quantity: common::Quantity::try_from(9).ok(),
        ..others
    };
    let mut entries = vec![
        shop.entry(2, Kind::Sold, -1, 9, 0),
        others,
        shop.entry(4, Kind::Refused, 0, 0, 2),
    ];
    let restock = Key {
        shopper: SHOPKEEPER,
        number: 0,
    };
    shop.history.asks(restock);
    shop.history.acknowledged(&OperationRecord {
        key: restock,
        kind: OperationKind::Restocked(5),
        stock: Some(stock(5)),
        ..act(5, 0)
    });
    entries.extend([
        shop.entry(5, Kind::Restocked, 5, 5, 0),
        shop.entry(6, Kind::Sold, -1, 4, 1),
    ]);
    shop.replay.record_end(item(), stock(4), Seq(6));
    shop.follow(&entries);
    assert_eq!(
        (shop.replay.others(), shop.replay.restocked().next()),
        (1, Some((item(), 5)))
    );
    assert_eq!(shop.found(), Vec::<&str>::new());
}

#[test]
fn a_sale_that_is_missing_or_different_or_sold_twice_is_found() {
    let mut missing = fixture();
    missing.sold(2, 0, 9);
    assert_eq!(missing.found(), ["acknowledged_sales"]);

    let mut another = fixture();
    another.sold(2, 0, 9);
    let entry = Entry {
        order: Some(OrderId::generate()),
        ..another.entry(2, Kind::Sold, -1, 9, 0)
    };
    another.follow(&[entry]);
    assert_eq!(another.found(), ["acknowledged_sales"]);

    let mut different = fixture();
    different.sold(2, 0, 8);
    let entry = different.entry(2, Kind::Sold, -1, 9, 0);
    different.follow(&[entry]);
    assert_eq!(different.found(), ["acknowledged_sales"]);

    let mut twice = fixture();
    twice.sold(2, 0, 9);
    let entries = [
        twice.entry(2, Kind::Sold, -1, 9, 0),
        twice.entry(3, Kind::Sold, -1, 8, 0),
    ];
    twice.follow(&entries);
    assert_eq!(twice.found(), ["acknowledged_sales"]);
}

#[test]
fn a_sale_that_was_refused_or_never_requested_is_found() {
    let mut refused = fixture();
    let key = refused.asked(0);
    refused.history.refused(key);
    let entry = refused.entry(2, Kind::Sold, -1, 9, 0);
    refused.follow(&[entry]);
    assert_eq!(refused.found(), ["refusals_stand"]);

    let mut unasked = fixture();
    let entry = unasked.entry(2, Kind::Sold, -1, 9, 7);
    unasked.follow(&[entry]);
    assert_eq!(unasked.found(), ["asked_for"]);

    let mut altered = fixture();
    let key = altered.asked(0);
    altered.history.unsettled(
        key,
        Asked {
            item: item(),
            quantity: one(),
        },
    );
    let entry = Entry {
        quantity: common::Quantity::try_from(2).ok(),
        ..altered.entry(2, Kind::Sold, -2, 8, 0)
    };
    altered.follow(&[entry]);
    assert_eq!(altered.found(), ["asked_for"]);
}

#[test]
fn wrong_stocks_prices_and_refusals_are_found() {
    type Wrong = fn(&Fixture) -> Entry;
    let cases: [(Wrong, &str); 5] = [
        (|shop| shop.entry(2, Kind::Sold, -1, 10, 0), "stock_adds_up"),
        (|shop| shop.entry(2, Kind::Set, -11, 0, 0), "stock_never_negative"),
        (
            |shop| Entry {
                unit_cost: Some("2.51".parse().unwrap()),
                ..shop.entry(2, Kind::Sold, -1, 9, 0)
            },
            "prices",
        ),
        (|shop| shop.entry(2, Kind::Refused, 0, 10, 0), "refusals_right"),
        (|shop| shop.entry(3, Kind::Sold, -1, 9, 0), "ledger_in_order"),
    ];
    for (entry, check) in cases {
        let mut shop = fixture();
        let entry = Entry {
            order: Some(OrderId::generate()),
            ..entry(&shop)
        };
        shop.follow(&[entry]);
        assert_eq!(shop.found(), [check]);
    }
}

#[test]
fn an_order_against_real_time_is_found() {
    let mut shop = fixture();
    // Order 0 was sent at 30 µs and order 1 answered at 25 µs, but order 1 stands after order 0.
    for (number, seq, invoked_us) in [(0, 2, 30), (1, 3, 20)] {
        let told = OperationRecord {
            seq: Seq(seq),
            invoked_us,
            answered_us: invoked_us + 5,
            ..act(seq, number)
        };
        let told = OperationRecord {
            kind: OperationKind::Sold(one(), Some(COST.parse().unwrap())),
            stock: None,
            ..told
        };
        shop.history.asks(told.key);
        shop.history.acknowledged(&told);
    }
    let entries = [shop.entry(2, Kind::Sold, -1, 9, 0), shop.entry(3, Kind::Sold, -1, 8, 1)];
    shop.follow(&entries);
    assert_eq!(shop.found(), ["real_time_order"]);
}

#[test]
fn a_stock_at_the_end_that_differs_from_the_ledger_is_found() {
    let mut wrong = fixture();
    wrong.replay.record_end(item(), stock(9), Seq(1));
    assert_eq!(wrong.found(), ["stock_adds_up"]);

    let mut stale = fixture();
    let entry = Entry {
        order: Some(OrderId::generate()),
        ..stale.entry(2, Kind::Sold, -1, 9, 0)
    };
    stale.follow(&[entry]);
    stale.replay.record_end(item(), stock(10), Seq(1));
    assert_eq!(stale.found(), ["reads_go_forward"]);

    let mut nowhere = fixture();
    nowhere.replay.record_end(item(), stock(9), Seq(5));
    assert_eq!(nowhere.found(), ["stock_adds_up"]);
}

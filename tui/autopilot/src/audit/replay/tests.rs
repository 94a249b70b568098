//! One book with ten copies, and each way in which its ledger can be wrong.

use common::{Description, GroupLine, Quantity, Reason, Timestamp};

use super::super::history::tests::record;
use super::super::{ChangeOutcome, Requested, SHOPKEEPER};
use super::*;

const COST: &str = "2.50";

fn item() -> ItemNumber {
    ItemNumber::try_from(1).unwrap()
}

fn stock(copies: u64) -> Stock {
    Stock::try_from(copies).unwrap()
}

fn order(number: u32) -> OrderKey {
    OrderKey { shopper: 0, number }
}

fn shopkeeper(number: u32) -> OrderKey {
    OrderKey {
        shopper: SHOPKEEPER,
        number,
    }
}

fn entry(seq: u64, kind: Kind, change: i64, stock_after: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind,
        item: item(),
        line: GroupLine::ONLY,
        quantity: matches!(kind, Kind::Sold | Kind::Refused).then_some(Quantity::ONE),
        change,
        stock_after: Some(stock(stock_after)),
        order: None,
        unit_cost: Some(COST.parse().unwrap()),
        reason: (kind == Kind::Refused).then_some(Reason::SoldOut),
        title: matches!(kind, Kind::Sold | Kind::Refused).then(|| "RPCs for Dummies".into()),
        description: None,
    }
}

/// An entry that sells one copy.
fn sale(seq: u64, stock_after: u64) -> Entry {
    entry(seq, Kind::Sold, -1, stock_after)
}

/// Order `number` was acknowledged as sold by entry `seq`.
fn sold(seq: u64, number: u32, left: u64) -> ChangeRecord {
    ChangeRecord {
        kind: ChangeKind::Sold(Quantity::ONE, Some(COST.parse().unwrap())),
        stock: Some(stock(left)),
        ..record(seq, number)
    }
}

/// What happens in a run.
enum Step {
    Acknowledged(ChangeRecord),
    Refused(OrderKey),
    Unknown(OrderKey),
    /// An entry of this run.
    Own(OrderKey, Entry),
    /// An entry of another client.
    Other(Entry),
    /// The stock that is read after the run, and the entry it is read as of.
    End(u64, u64),
}

use Step::{Acknowledged, End, Other, Own, Refused, Unknown};

/// Performs the steps and ends the replay.
fn replay(steps: Vec<Step>) -> Replay {
    let run_id = RunId::draw();
    let sample = BookSample {
        topics: vec!["all".into()],
        books: vec![Book::new(
            item(),
            "RPCs for Dummies".into(),
            Description::new("all"),
            COST.parse().unwrap(),
            stock(10),
            Seq(1),
        )],
        head: Seq(1),
    };
    let mut replay = Replay::new(run_id, &sample);
    let mut history = History::new(tempfile::tempfile());
    let end = |history: &mut History, key, outcome| {
        history.sent(key);
        history.record(key, outcome);
    };
    let requested = Requested {
        item: item(),
        quantity: Quantity::ONE,
    };
    for step in steps {
        let (order, entry) = match step {
            Acknowledged(change) => {
                end(&mut history, change.key, ChangeOutcome::Acknowledged(change));
                continue;
            }
            Refused(key) => {
                end(&mut history, key, ChangeOutcome::Refused);
                continue;
            }
            Unknown(key) => {
                end(&mut history, key, ChangeOutcome::Unknown(requested));
                continue;
            }
            End(copies, seq) => {
                replay.record_end(item(), stock(copies), Seq(seq));
                continue;
            }
            Own(key, entry) => (run_id.order(key), entry),
            Other(entry) => (OrderId::generate(), entry),
        };
        let order = Some(order);
        replay.apply(&Entry { order, ..entry }, &mut history);
    }
    replay.close(&mut history);
    replay
}

#[test]
fn a_correct_ledger_with_orders_of_other_clients_is_clean() {
    let replay = replay(vec![
        Acknowledged(sold(2, 0, 9)),
        Unknown(order(1)),
        Refused(order(2)),
        Acknowledged(ChangeRecord {
            key: shopkeeper(0),
            kind: ChangeKind::Restocked(5),
            ..sold(5, 0, 5)
        }),
        End(4, 6),
        Own(order(0), sale(2, 9)),
        Other(Entry {
            quantity: Quantity::try_from(9).ok(),
            ..entry(3, Kind::Sold, -9, 0)
        }),
        Own(order(2), entry(4, Kind::Refused, 0, 0)),
        Own(shopkeeper(0), entry(5, Kind::Restocked, 5, 5)),
        Own(order(1), sale(6, 4)),
    ]);
    assert_eq!(replay.findings.violations, []);
    assert_eq!((replay.others(), replay.restocked().next()), (1, Some((item(), 5))));
}

#[test]
fn each_way_in_which_a_ledger_can_be_wrong_is_found() {
    let real_time = |seq, number, left, invoked_us| {
        Acknowledged(ChangeRecord {
            invoked_us,
            answered_us: invoked_us + 5,
            ..sold(seq, number, left)
        })
    };
    let two_copies = Entry {
        quantity: Quantity::try_from(2).ok(),
        ..entry(2, Kind::Sold, -2, 8)
    };
    let dear = Entry {
        unit_cost: Some("2.51".parse().unwrap()),
        ..sale(2, 9)
    };
    let first = order(0);
    for (check, steps) in [
        // An acknowledged sale is missing, is another client's, left another stock, is there twice.
        ("acknowledged_sales", vec![Acknowledged(sold(2, 0, 9))]),
        (
            "acknowledged_sales",
            vec![Acknowledged(sold(2, 0, 9)), Other(sale(2, 9))],
        ),
        (
            "acknowledged_sales",
            vec![Acknowledged(sold(2, 0, 8)), Own(first, sale(2, 9))],
        ),
        (
            "acknowledged_sales",
            vec![
                Acknowledged(sold(2, 0, 9)),
                Own(first, sale(2, 9)),
                Own(first, sale(3, 8)),
            ],
        ),
        // A sale was refused, was never requested, was requested otherwise.
        ("refusals_stand", vec![Refused(first), Own(first, sale(2, 9))]),
        ("asked_for", vec![Own(order(7), sale(2, 9))]),
        ("asked_for", vec![Unknown(first), Own(first, two_copies)]),
        // Wrong stocks, prices, refusals and entry numbers.
        ("stock_adds_up", vec![Other(sale(2, 10))]),
        ("stock_never_negative", vec![Other(entry(2, Kind::Set, -11, 0))]),
        ("prices", vec![Other(dear)]),
        ("refusals_right", vec![Other(entry(2, Kind::Refused, 0, 10))]),
        ("ledger_in_order", vec![Other(sale(3, 9))]),
        // Order 0 was sent at 30 µs and order 1 answered at 25 µs, but order 1 stands after order 0.
        (
            "real_time_order",
            vec![
                real_time(2, 0, 9, 30),
                real_time(3, 1, 8, 20),
                Own(first, sale(2, 9)),
                Own(order(1), sale(3, 8)),
            ],
        ),
        // The stock after the run differs from the ledger's, is older, is of an entry that the ledger does not have.
        ("stock_adds_up", vec![End(9, 1)]),
        ("reads_go_forward", vec![Other(sale(2, 9)), End(10, 1)]),
        ("stock_adds_up", vec![End(9, 5)]),
    ] {
        let violations = replay(steps).findings.violations;
        let found: Vec<_> = violations.iter().map(|violation| violation.check).collect();
        assert_eq!(found, [check], "{violations:?}");
        assert!(violations.iter().all(|violation| !violation.detail.is_empty()));
    }
}

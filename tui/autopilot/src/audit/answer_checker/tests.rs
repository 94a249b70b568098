//! Two books with ten copies each, and each way in which their ledger can be wrong.

use common::{ArcStr, Description, GroupPosition, Quantity, Reason, Timestamp};

use super::super::history::tests::record;
use super::super::{ChangeOutcome, SHOPKEEPER, SoldLine};
use super::*;

const COST: &str = "2.50";

fn item() -> ItemNumber {
    ItemNumber::try_from(1).unwrap()
}

fn second() -> ItemNumber {
    ItemNumber::try_from(2).unwrap()
}

fn title() -> ArcStr {
    "RPCs for Dummies".into()
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
        line: GroupPosition::ONLY,
        quantity: matches!(kind, Kind::Sold | Kind::Refused).then_some(Quantity::ONE),
        change,
        stock_after: Some(stock(stock_after)),
        order: None,
        unit_cost: Some(COST.parse().unwrap()),
        reason: (kind == Kind::Refused).then_some(Reason::SoldOut),
        title: matches!(kind, Kind::Sold | Kind::Refused).then(title),
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
        kind: ChangeKind::Sold(SoldLine {
            line: GroupPosition::ONLY,
            quantity: Quantity::ONE,
            cost: Some(COST.parse().unwrap()),
            title: title_digest(Some(&title())),
        }),
        stock: Some(stock(left)),
        ..record(seq, number)
    }
}

fn line(number: u16, count: u16) -> GroupPosition {
    GroupPosition::new(number, count).unwrap()
}

/// The entries of an order of a copy of each book, from `seq` on, as the first of each.
fn basket(seq: u64) -> [Entry; 2] {
    let first = Entry {
        line: line(1, 2),
        ..sale(seq, 9)
    };
    let other = Entry {
        item: second(),
        line: line(2, 2),
        ..sale(seq + 1, 9)
    };
    [first, other]
}

/// The receipt of these entries as order 0, in the order's records.
fn receipt(entries: &[Entry]) -> Vec<ChangeRecord> {
    let records = entries.iter().map(|entry| ChangeRecord {
        item: entry.item,
        kind: ChangeKind::Sold(SoldLine {
            line: entry.line,
            quantity: entry.quantity.unwrap(),
            cost: entry.unit_cost,
            title: title_digest(entry.title.as_ref()),
        }),
        stock: entry.stock_after,
        // All lines are sent and answered at once.
        invoked_us: 10,
        answered_us: 15,
        ..record(entry.seq.0, 0)
    });
    records.collect()
}

/// What happens in a run.
enum Step {
    Acknowledged(ChangeRecord),
    /// An order of a copy of each book was acknowledged with these lines.
    AcknowledgedLines(Vec<ChangeRecord>),
    Refused(OrderKey),
    Unknown(OrderKey),
    /// Nothing is known of an order of a copy of each book.
    UnknownLines(OrderKey),
    /// An entry of this run.
    Own(OrderKey, Entry),
    /// An entry of another client.
    Other(Entry),
    /// An entry of another client's order or change.
    OfOrder(OrderId, Entry),
    /// The stock that is read after the run, and the entry it is read as of.
    End(u64, u64),
}

use Step::{Acknowledged, AcknowledgedLines, End, OfOrder, Other, Own, Refused, Unknown, UnknownLines};

/// Performs the steps and closes the checker.
fn run_checker(steps: Vec<Step>) -> AnswerChecker {
    let run_id = RunId::draw();
    let sample = BookSample {
        topics: vec!["all".into()],
        books: [item(), second()]
            .map(|item| {
                let description = Description::new("all");
                Book::new(item, title(), description, COST.parse().unwrap(), stock(10), Seq(1))
            })
            .into(),
        head: Seq(1).into(),
    };
    let mut checker = AnswerChecker::new(run_id, &sample);
    let mut history = ChangeHistory::new(tempfile::tempfile());
    let end = |history: &mut ChangeHistory, key, outcome| {
        history.sent(key);
        history.record(key, outcome);
    };
    let quantity = Quantity::ONE;
    for step in steps {
        let (order, entry) = match step {
            Acknowledged(change) => {
                end(&mut history, change.key, ChangeOutcome::Acknowledged([change].into()));
                continue;
            }
            AcknowledgedLines(lines) => {
                end(&mut history, lines[0].key, ChangeOutcome::Acknowledged(lines.into()));
                continue;
            }
            Refused(key) => {
                end(&mut history, key, ChangeOutcome::Refused);
                continue;
            }
            Unknown(key) => {
                let lines = OrderLines::one(item(), quantity);
                end(&mut history, key, ChangeOutcome::Unknown(lines));
                continue;
            }
            UnknownLines(key) => {
                let lines = [item(), second()].map(|item| OrderLine { item, quantity });
                end(
                    &mut history,
                    key,
                    ChangeOutcome::Unknown(OrderLines::new(lines).unwrap()),
                );
                continue;
            }
            End(copies, seq) => {
                checker.record_end(item(), stock(copies), Seq(seq));
                continue;
            }
            Own(key, entry) => (run_id.order(key), entry),
            Other(entry) => (OrderId::generate(), entry),
            OfOrder(order, entry) => (order, entry),
        };
        let order = Some(order);
        checker.apply(&Entry { order, ..entry }, &mut history);
    }
    checker.close(&mut history);
    checker
}

#[test]
fn a_correct_ledger_with_orders_of_other_clients_is_clean() {
    let checker = run_checker(vec![
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
    assert_eq!(checker.findings.violations, []);
    let restocked = checker.restocked().find(|(restocked, _)| *restocked == item());
    assert_eq!((checker.others(), restocked), (1, Some((item(), 5))));
}

#[test]
fn a_correct_ledger_of_baskets_is_clean_and_its_orders_are_counted() {
    let [first, other] = basket(2);
    let again = Entry {
        seq: Seq(4),
        stock_after: Some(stock(8)),
        ..first.clone()
    };
    let other_again = Entry {
        seq: Seq(5),
        stock_after: Some(stock(8)),
        ..other.clone()
    };
    let checker = run_checker(vec![
        AcknowledgedLines(receipt(&[first.clone(), other.clone()])),
        UnknownLines(order(1)),
        Own(order(0), first),
        Own(order(0), other),
        Own(order(1), again),
        Own(order(1), other_again),
        End(8, 4),
    ]);
    assert_eq!(checker.findings.violations, []);
    let checked = |check| checker.findings.checked[&check];
    assert_eq!((checked(Check::OrdersWhole), checked(Check::AcknowledgedSales)), (2, 2));
}

/// A change of another client from entry 2 on: a new title and price for one book, the other one withdrawn.
fn change_of_books() -> [Entry; 2] {
    let set = Entry {
        line: line(1, 2),
        unit_cost: Some("3.00".parse().unwrap()),
        title: Some("Renamed".into()),
        description: Some(Box::new(Description::new("all"))),
        ..entry(2, Kind::Set, 0, 10)
    };
    let withdrawn = Entry {
        item: second(),
        line: line(2, 2),
        ..entry(3, Kind::Withdrawn, -10, 0)
    };
    [set, withdrawn]
}

#[test]
fn a_change_of_several_books_during_a_run_is_accepted_and_a_half_one_is_found() {
    let id = OrderId::generate();
    let [set, withdrawn] = change_of_books();
    let at_new_price = Entry {
        title: Some("Renamed".into()),
        unit_cost: Some("3.00".parse().unwrap()),
        ..sale(4, 9)
    };
    let whole = run_checker(vec![
        OfOrder(id, set.clone()),
        OfOrder(id, withdrawn.clone()),
        Other(at_new_price),
        End(9, 4),
    ]);
    assert_eq!(whole.findings.violations, []);
    let only_first = vec![OfOrder(id, set.clone())];
    let without_first = vec![OfOrder(id, withdrawn.clone())];
    let of_two = vec![OfOrder(id, set), OfOrder(OrderId::generate(), withdrawn)];
    for half in [only_first, without_first, of_two] {
        let violations = run_checker(half).findings.violations;
        assert!(!violations.is_empty(), "{violations:?}");
    }
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
        let violations = run_checker(steps).findings.violations;
        let found: Vec<_> = violations.iter().map(|violation| violation.check).collect();
        assert_eq!(found, [check], "{violations:?}");
        assert!(violations.iter().all(|violation| !violation.detail.is_empty()));
    }
}

#[test]
fn each_way_in_which_an_order_of_several_lines_can_be_wrong_is_found() {
    let [first, other] = basket(2);
    let own = |entry: &Entry| Own(order(0), entry.clone());
    let acknowledged = || AcknowledgedLines(receipt(&basket(2)));
    let only = Entry {
        line: GroupPosition::ONLY,
        ..first.clone()
    };
    let refused = Entry {
        line: line(2, 2),
        item: second(),
        quantity: Quantity::try_from(11).ok(),
        ..entry(3, Kind::Refused, 0, 10)
    };
    let dear = Entry {
        unit_cost: Some("2.51".parse().unwrap()),
        ..other.clone()
    };
    let renamed = Entry {
        title: Some("Another".into()),
        ..other.clone()
    };
    let two_copies = Entry {
        quantity: Quantity::try_from(2).ok(),
        change: -2,
        stock_after: Some(stock(8)),
        ..other.clone()
    };
    for (checks, steps) in [
        // A line is lost: of an order that was acknowledged, of one that was not.
        (
            &["orders_whole", "acknowledged_sales"][..],
            vec![acknowledged(), own(&only)],
        ),
        (&["orders_whole"], vec![UnknownLines(order(0)), own(&only)]),
        // The ledger ends within an order.
        (
            &["acknowledged_sales", "orders_whole"],
            vec![acknowledged(), own(&first)],
        ),
        (&["orders_whole"], vec![UnknownLines(order(0)), own(&first)]),
        // One line is sold, the other refused.
        (
            &["acknowledged_sales", "orders_whole"],
            vec![acknowledged(), own(&first), own(&refused)],
        ),
        // A line has another price than the receipt, another title, another quantity.
        (
            &["acknowledged_sales", "prices"],
            vec![acknowledged(), own(&first), own(&dear)],
        ),
        (
            &["acknowledged_sales", "prices"],
            vec![acknowledged(), own(&first), own(&renamed)],
        ),
        (
            &["acknowledged_sales"],
            vec![acknowledged(), own(&first), own(&two_copies)],
        ),
        (
            &["asked_for"],
            vec![UnknownLines(order(0)), own(&first), own(&two_copies)],
        ),
        // A receipt states another price than the ledger.
        (
            &["acknowledged_sales"],
            vec![
                AcknowledgedLines(receipt(&[first.clone(), dear])),
                own(&first),
                own(&other),
            ],
        ),
    ] {
        let violations = run_checker(steps).findings.violations;
        let found: Vec<_> = violations.iter().map(|violation| violation.check).collect();
        assert_eq!(found, checks, "{violations:?}");
        assert!(
            violations
                .iter()
                .all(|violation| violation.detail.contains("order") || !violation.history.is_empty())
        );
    }
}

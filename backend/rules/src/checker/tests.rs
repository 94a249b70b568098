//! One sound history, and every way in which one of its entries can be wrong.

use common::{ArcStr, Cost, Description, GroupPosition, Kind, OrderId, Quantity, Reason, Stock, Timestamp};
use uuid::Uuid;

use super::*;
use crate::{DecidedOrders, Rule};

fn item(number: u64) -> ItemNumber {
    ItemNumber::try_from(number).unwrap()
}

fn order(number: u64) -> OrderId {
    Uuid::from_u128(u128::from(number)).into()
}

fn copies(number: u64) -> Option<Quantity> {
    Quantity::try_from(number).ok()
}

fn title() -> Option<ArcStr> {
    Some("Title".into())
}

fn entry(seq: u64, kind: Kind, change: i64, after: u64) -> Entry {
    let is_ordered = !matches!(kind, Kind::Set | Kind::Withdrawn);
    let description = Description::new("topic");
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind,
        item: item(1),
        line: GroupPosition::ONLY,
        quantity: match kind {
            Kind::Sold => copies(change.unsigned_abs()),
            Kind::Refused => copies(9),
            _ => None,
        },
        change,
        stock_after: Stock::try_from(after).ok(),
        order: is_ordered.then(|| order(seq)),
        unit_cost: Cost::try_from(4_000).ok(),
        reason: (kind == Kind::Refused).then_some(Reason::SoldOut),
        title: title().filter(|_| matches!(kind, Kind::Sold | Kind::Refused | Kind::Set)),
        description: (kind == Kind::Set).then(|| Box::new(description)),
    }
}

/// The lines of an order, from `seq` on.
fn basket<const N: usize>(lines: [Entry; N]) -> [Entry; N] {
    let (first, count) = (lines[0].seq, u16::try_from(N).unwrap());
    let mut number = 0;
    lines.map(|line| {
        number += 1;
        Entry {
            line: GroupPosition::new(number, count).unwrap(),
            order: Some(order(first.0)),
            ..line
        }
    })
}

fn of_second_book(entry: Entry) -> Entry {
    Entry { item: item(2), ..entry }
}

fn history() -> Vec<Entry> {
    let set_by_hand = Entry {
        order: Some(order(6)),
        title: None,
        description: None,
        ..entry(6, Kind::Set, 1, 10)
    };
    let unknown = Entry {
        item: item(2),
        stock_after: None,
        unit_cost: None,
        reason: Some(Reason::UnknownItem),
        title: None,
        ..entry(7, Kind::Refused, 0, 0)
    };
    let dearer = Entry {
        unit_cost: Cost::try_from(5_000).ok(),
        ..entry(8, Kind::Set, 0, 10)
    };
    let sold = Entry {
        unit_cost: dearer.unit_cost,
        ..entry(9, Kind::Sold, -10, 0)
    };
    vec![
        entry(1, Kind::Set, 5, 5),
        entry(2, Kind::Sold, -2, 3),
        entry(3, Kind::Refused, 0, 3),
        entry(4, Kind::Restocked, 7, 10),
        entry(5, Kind::Restocked, -1, 9),
        set_by_hand,
        unknown,
        dearer,
        sold,
    ]
}

/// Two books, an order of both, and one that is refused because of the second.
fn history_of_baskets() -> Vec<Entry> {
    let with_others = Entry {
        quantity: copies(3),
        reason: Some(Reason::WithOthers),
        ..entry(5, Kind::Refused, 0, 3)
    };
    let mut entries = vec![entry(1, Kind::Set, 5, 5), of_second_book(entry(2, Kind::Set, 5, 5))];
    entries.extend(basket([
        entry(3, Kind::Sold, -2, 3),
        of_second_book(entry(4, Kind::Sold, -1, 4)),
    ]));
    entries.extend(basket([with_others, of_second_book(entry(6, Kind::Refused, 0, 4))]));
    entries
}

/// Two books, and a change that sets one and withdraws the other, followed by a sale.
fn history_of_changes() -> Vec<Entry> {
    let mut entries = vec![entry(1, Kind::Set, 5, 5), of_second_book(entry(2, Kind::Set, 5, 5))];
    entries.extend(basket([
        entry(3, Kind::Set, 2, 7),
        of_second_book(entry(4, Kind::Withdrawn, -5, 0)),
    ]));
    entries.push(entry(5, Kind::Sold, -1, 6));
    entries
}

/// Every violation with its entry.
fn violations_of(mut checker: LedgerChecker, entries: &[Entry]) -> Vec<(u64, Rule)> {
    let mut orders = DecidedOrders::default();
    entries.iter().for_each(|entry| orders.add(entry));
    let mut duplicates = orders.into_duplicates();
    let mut found = Vec::new();
    for entry in entries {
        let violations = checker.apply(entry).into_iter().chain(duplicates.check(entry));
        found.extend(violations.map(|violation| {
            assert!(!violation.to_string().is_empty());
            (entry.seq.0, violation.rule())
        }));
    }
    found
}

#[test]
fn a_sound_history_breaks_no_rule() {
    assert_eq!(violations_of(LedgerChecker::new(), &history()), []);
    assert_eq!(violations_of(LedgerChecker::new(), &history_of_baskets()), []);
    assert_eq!(violations_of(LedgerChecker::new(), &history_of_changes()), []);
}

#[test]
fn a_part_of_a_change_of_several_books_is_found() {
    type Change = fn(&mut Vec<Entry>);
    let changes: [(u64, Rule, Change); 5] = [
        (4, Rule::Group, |entries| {
            entries.remove(3);
            entries[3].seq = Seq(4);
        }),
        (4, Rule::Group, |entries| entries[3].order = None),
        (3, Rule::Group, |entries| entries[2].order = None),
        (4, Rule::Fields, |entries| {
            entries[3].stock_after = Stock::try_from(1).ok();
        }),
        (5, Rule::BookExists, |entries| entries[4].item = item(2)),
    ];
    for (number, (seq, rule, change)) in changes.into_iter().enumerate() {
        let mut entries = history_of_changes();
        change(&mut entries);
        let found = violations_of(LedgerChecker::new(), &entries);
        assert!(found.contains(&(seq, rule)), "change {number}: {found:?}");
    }
    let mut checker = LedgerChecker::new();
    history_of_changes()[..3]
        .iter()
        .for_each(|entry| drop(checker.apply(entry)));
    let rule = checker.check_complete().map(|violation| violation.rule());
    assert_eq!(rule, Some(Rule::Group));
}

#[test]
fn a_history_of_the_format_without_descriptions_is_sound_and_described_by_its_upgrade() {
    let mut old = history();
    for entry in &mut old {
        entry.description = None;
        entry.title = title().filter(|_| entry.quantity.is_some() && entry.stock_after.is_some());
    }
    let upgrade = Entry {
        unit_cost: Cost::try_from(5_000).ok(),
        ..entry(10, Kind::Set, 0, 0)
    };
    old.push(upgrade);
    let mut checker = LedgerChecker::new();
    assert_eq!(violations_of(checker.clone(), &old), []);
    old.iter().for_each(|entry| drop(checker.apply(entry)));
    assert_eq!(checker.book(item(1)).unwrap().title, title());
    old.push(Entry {
        title: None,
        description: None,
        ..entry(11, Kind::Set, 0, 0)
    });
    assert_eq!(
        violations_of(LedgerChecker::new(), &old),
        [(11, Rule::Title)],
        "a new price without a description"
    );
}

#[test]
fn every_change_of_a_line_is_found() {
    type Change = fn(&mut Vec<Entry>);
    let changes: [(u64, Rule, Change); 12] = [
        (3, Rule::Group, |entries| {
            entries[2].line = GroupPosition::new(1, 21).unwrap();
        }),
        // One line is sold, the other refused.
        (4, Rule::Group, |entries| {
            entries[3] = of_second_book(Entry {
                line: entries[3].line,
                order: entries[3].order,
                ..entry(4, Kind::Refused, 0, 5)
            });
        }),
        (4, Rule::Group, |entries| {
            entries.remove(3);
            entries[3].seq = Seq(4);
            entries[4].seq = Seq(5);
        }),
        (4, Rule::Group, |entries| entries[3].line = GroupPosition::ONLY),
        (4, Rule::Group, |entries| {
            entries[3].line = GroupPosition::new(1, 2).unwrap();
        }),
        (4, Rule::Group, |entries| entries[3].order = Some(order(9))),
        (4, Rule::Group, |entries| entries[3].at = Timestamp::from_micros(1)),
        (4, Rule::Group, |entries| entries[3].item = item(1)),
        (3, Rule::Group, |entries| {
            entries[2].line = GroupPosition::new(2, 2).unwrap();
        }),
        (6, Rule::Refusal, |entries| {
            entries[5].reason = Some(Reason::WithOthers);
            entries[5].quantity = copies(1);
        }),
        (5, Rule::Refusal, |entries| entries[4].quantity = copies(4)),
        (4, Rule::Title, |entries| entries[3].title = None),
    ];
    for (number, (seq, rule, change)) in changes.into_iter().enumerate() {
        let mut entries = history_of_baskets();
        change(&mut entries);
        let found = violations_of(LedgerChecker::new(), &entries);
        assert!(found.contains(&(seq, rule)), "change {number}: {found:?}");
    }
    let mut checker = LedgerChecker::new();
    history_of_baskets()[..3]
        .iter()
        .for_each(|entry| drop(checker.apply(entry)));
    assert_eq!(
        checker.check_complete().map(|violation| violation.rule()),
        Some(Rule::Group)
    );
}

#[test]
fn every_single_change_of_an_entry_is_found_where_it_is() {
    type Change = fn(&mut Entry);
    let changes: [(u64, Rule, Change); 23] = [
        (2, Rule::StockAddsUp, |entry| {
            entry.stock_after = Stock::try_from(4).ok();
        }),
        (2, Rule::StockAddsUp, |entry| entry.stock_after = None),
        (2, Rule::StockAddsUp, |entry| entry.change = -1),
        (2, Rule::StockNotNegative, |entry| entry.change = -6),
        (2, Rule::StockAddsUp, |entry| entry.quantity = copies(3)),
        (2, Rule::Fields, |entry| entry.quantity = None),
        (2, Rule::Fields, |entry| entry.order = None),
        (2, Rule::Price, |entry| entry.unit_cost = Cost::try_from(1).ok()),
        (2, Rule::Price, |entry| entry.unit_cost = None),
        (2, Rule::BookExists, |entry| entry.item = item(3)),
        (2, Rule::Fields, |entry| entry.reason = Some(Reason::SoldOut)),
        (3, Rule::Refusal, |entry| entry.quantity = copies(3)),
        (3, Rule::StockAddsUp, |entry| entry.change = 1),
        (3, Rule::Fields, |entry| entry.reason = None),
        (3, Rule::Refusal, |entry| entry.reason = Some(Reason::UnknownItem)),
        (4, Rule::Fields, |entry| entry.order = None),
        (6, Rule::Price, |entry| entry.unit_cost = Cost::try_from(1).ok()),
        (7, Rule::Refusal, |entry| entry.item = item(1)),
        (7, Rule::Refusal, |entry| entry.change = 1),
        (1, Rule::Fields, |entry| entry.title = None),
        (2, Rule::Title, |entry| entry.title = Some("Another".into())),
        (4, Rule::Fields, |entry| entry.title = title()),
        (8, Rule::Title, |entry| (entry.title, entry.description) = (None, None)),
    ];
    for (number, (seq, rule, change)) in changes.into_iter().enumerate() {
        let mut entries = history();
        change(entries.iter_mut().find(|entry| entry.seq == Seq(seq)).unwrap());
        let found = violations_of(LedgerChecker::new(), &entries);
        assert_eq!(found.first(), Some(&(seq, rule)), "change {number}");
    }
}

#[test]
fn a_gap_a_doubled_order_and_a_sale_of_a_withdrawn_book_are_found() {
    let mut gap = history();
    gap.remove(6);
    assert_eq!(violations_of(LedgerChecker::new(), &gap), [(8, Rule::Sequence)]);
    let mut doubled = history();
    doubled[8].order = doubled[1].order;
    assert_eq!(violations_of(LedgerChecker::new(), &doubled), [(9, Rule::DecidedOnce)]);
    let mut withdrawn = history();
    withdrawn[7] = entry(8, Kind::Withdrawn, -10, 0);
    assert_eq!(
        violations_of(LedgerChecker::new(), &withdrawn).first(),
        Some(&(9, Rule::BookExists))
    );
}

#[test]
fn a_sample_checks_its_books_from_where_they_were_read_and_others_from_their_second_entry() {
    let read = BookState {
        stock: Stock::try_from(3).unwrap(),
        cost: Cost::try_from(4_000).ok(),
        seq: Seq(2),
        title: title(),
        description: None,
    };
    // The book was read after entry 2, the head before it.
    let sample = LedgerChecker::from_sample(Seq(1), [(item(1), read)]);
    assert_eq!(violations_of(sample.clone(), &history()[1..]), []);
    let mut wrong = history();
    wrong[2].stock_after = Some(Stock::ZERO);
    assert_eq!(violations_of(sample, &wrong[1..]), [(3, Rule::StockAddsUp)]);

    let unknown_book = LedgerChecker::from_sample(Seq(2), []);
    assert_eq!(violations_of(unknown_book.clone(), &history()[2..]), []);
    wrong[3].stock_after = Some(Stock::ZERO);
    assert_eq!(violations_of(unknown_book, &wrong[2..4]), [(4, Rule::StockAddsUp)]);
}

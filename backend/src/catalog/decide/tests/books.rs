//! Decisions on changes of whole books.

use common::wire::{BookFields, BooksBody};
use common::{IfNoneMatch, limits};

use super::updates::{again, is_replayed};
use super::*;

fn fields(title: &str, stock: Option<u64>) -> BookFields {
    let description = common::Description::new("topic");
    BookFields {
        title: title.into(),
        description,
        cost: "7".parse().unwrap(),
        stock: stock.map(|stock| Stock::try_from(stock).unwrap()),
    }
}

fn set(item: u64, title: &str, stock: Option<u64>) -> CatalogUpdate {
    update(item, BookAction::Set(fields(title, stock)))
}

fn withdraw(item: u64) -> CatalogUpdate {
    update(item, BookAction::Withdraw)
}

/// Sets these books to a stock of 5 and withdraws those.
fn several(set: &[u64], withdraw: &[u64]) -> CatalogUpdate {
    let item = |&item: &u64| ItemNumber::try_from(item).unwrap();
    let set = set.iter().map(|number| common::wire::NumberedBook {
        item: item(number),
        fields: fields("Set", Some(5)),
    });
    let body = BooksBody {
        set: set.collect(),
        withdraw: withdraw.iter().map(item).collect(),
    };
    CatalogUpdate {
        changes: body.try_into().unwrap(),
        ..change(0)
    }
}

fn unkeyed(update: CatalogUpdate) -> CatalogUpdate {
    CatalogUpdate { keyed: false, ..update }
}

#[test]
fn later_requests_of_a_batch_see_what_it_has_changed() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let renamed = entry(batch.update_books(&set(1, "Renamed", None)).unwrap());
    assert_eq!((renamed.kind, renamed.change, renamed.seq), (Kind::Set, 0, Seq(1)));
    let sold = entry(batch.sell(&sale(1, 2)).unwrap());
    assert_eq!(
        (sold.title.as_deref(), sold.unit_cost, sold.stock_after),
        (Some("Renamed"), "7".parse().ok(), Stock::try_from(1).ok())
    );
    let withdrawn = entry(batch.update_books(&withdraw(1)).unwrap());
    assert_eq!(
        (withdrawn.change, withdrawn.stock_after, withdrawn.title),
        (-1, Some(Stock::ZERO), None)
    );
    let refused = entry(batch.sell(&sale(1, 1)).unwrap());
    assert_eq!((refused.reason, refused.title), (Some(Reason::UnknownItem), None));
    assert_eq!(
        entry(batch.update_books(&withdraw(1)).unwrap()).reason,
        Some(Reason::UnknownItem)
    );
    // A withdrawn book that is added again begins without a stock.
    let again = entry(batch.update_books(&set(1, "Again", None)).unwrap());
    assert_eq!((again.stock_after, again.change), (Some(Stock::ZERO), 0));
    let new = entry(batch.update_books(&set(9, "New", Some(4))).unwrap());
    assert_eq!(
        (new.change, entry(batch.sell(&sale(9, 4)).unwrap()).kind),
        (4, Kind::Sold)
    );
}

#[test]
fn several_books_change_together_or_not_at_all() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let done = entries(batch.update_books(&several(&[9, 1], &[2])).unwrap());
    let lines: Vec<_> = done
        .iter()
        .map(|entry| (entry.item.get(), entry.kind, entry.line.number(), entry.line.count()))
        .collect();
    assert_eq!(
        lines,
        [(1, Kind::Set, 1, 3), (2, Kind::Withdrawn, 2, 3), (9, Kind::Set, 3, 3)]
    );
    let refused = entries(batch.update_books(&several(&[3], &[2, 1, 4])).unwrap());
    let lines: Vec<_> = refused
        .iter()
        .map(|entry| (entry.item.get(), entry.reason, entry.line.count()))
        .collect();
    assert_eq!(lines, [2, 4].map(|item| (item, Some(Reason::UnknownItem), 2)));
    let verdict = batch.update_books(&unkeyed(several(&[3], &[2]))).unwrap();
    assert!(matches!(verdict, Verdict::RefusedUnrecorded(lines) if lines.len() == 1));
    let many: Vec<u64> = (100..200).collect();
    let refused = entries(batch.update_books(&several(&[], &many)).unwrap());
    assert_eq!(refused.len(), limits::ORDER_LINES_MAX);
    assert_eq!(
        entry(batch.update_books(&withdraw(1)).unwrap()).change,
        -5,
        "a refused change is applied in part"
    );
}

#[test]
fn the_same_change_is_replayed_and_another_one_needs_another_key() {
    let changes = [
        set(1, "One", None),
        set(1, "One", Some(5)),
        set(8, "One", None),
        withdraw(1),
        withdraw(9),
        several(&[1, 9], &[2]),
        change(2),
    ];
    for decided in &changes {
        for other in &changes {
            let verdict = again(&mut shop(3), decided, other.clone());
            let is_same = decided == other;
            assert_eq!(is_replayed(&verdict), is_same, "{decided:?} {other:?}");
            assert_eq!(verdict == Verdict::KeyReused, !is_same, "{decided:?} {other:?}");
        }
    }
    // A refused change has entries only for the books that caused the refusal.
    let refused = several(&[1], &[8, 9]);
    assert!(is_replayed(&again(&mut shop(3), &refused, refused.clone())));
    for other in [withdraw(8), several(&[1, 8], &[9]), several(&[9], &[])] {
        assert_eq!(again(&mut shop(3), &refused, other), Verdict::KeyReused);
    }
    let cheaper = BookFields {
        cost: "6".parse().unwrap(),
        ..fields("One", None)
    };
    let topic = BookFields {
        description: common::Description::new("other"),
        ..fields("One", None)
    };
    for other in [cheaper, topic, fields("Two", None), fields("One", Some(4))] {
        let other = update(1, BookAction::Set(other));
        assert_eq!(again(&mut shop(3), &changes[0], other), Verdict::KeyReused);
    }
}

#[test]
fn a_change_that_changes_nothing_is_recorded() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    for _ in 0..2 {
        let entry = entry(batch.update_books(&set(1, "One", Some(3))).unwrap());
        assert_eq!((entry.kind, entry.change), (Kind::Set, 0));
    }
    assert_eq!(batch.into_entries().len(), 2);
}

#[test]
fn a_condition_applies_to_one_book_or_for_several_books_to_the_store() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let only_at = |tag: &str, update: CatalogUpdate| CatalogUpdate {
        if_match: tag.parse().ok(),
        ..update
    };
    for (tag, change) in [
        ("\"1\"", set(1, "x", None)),
        ("\"1\"", withdraw(1)),
        ("\"1\"", several(&[1], &[])),
        // The book does not exist.
        ("*", set(9, "x", None)),
        ("\"0\"", set(9, "x", None)),
    ] {
        let verdict = batch.update_books(&only_at(tag, change)).unwrap();
        assert_eq!(verdict, Verdict::PreconditionFailed, "{tag}");
    }
    entry(batch.update_books(&only_at("\"0\"", several(&[2], &[]))).unwrap());
    let stale = batch.update_books(&only_at("\"0\"", several(&[2], &[]))).unwrap();
    assert_eq!(stale, Verdict::PreconditionFailed);
    entry(batch.update_books(&only_at("\"0\"", withdraw(1))).unwrap());
    entry(batch.update_books(&only_at("\"2\"", several(&[2], &[]))).unwrap());
    let unknown = entry(batch.update_books(&only_at("\"0\"", withdraw(9))).unwrap());
    assert_eq!(
        unknown.reason,
        Some(Reason::UnknownItem),
        "the condition hides that the book is unknown"
    );
}

#[test]
fn a_change_is_not_done_in_a_state_that_if_none_match_names() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let unless_at = |tag: &str, update: CatalogUpdate| CatalogUpdate {
        if_none_match: Some(IfNoneMatch(tag.to_owned())),
        ..update
    };
    for (tag, change) in [
        ("*", set(1, "x", None)),
        ("W/\"0\"", withdraw(1)),
        ("\"7\", \"0\"", several(&[1], &[])),
    ] {
        let verdict = batch.update_books(&unless_at(tag, change)).unwrap();
        assert_eq!(verdict, Verdict::PreconditionFailed, "{tag}");
    }
    entry(batch.update_books(&unless_at("*", set(9, "x", None))).unwrap());
    let again = batch.update_books(&unless_at("*", set(9, "y", None))).unwrap();
    assert_eq!(again, Verdict::PreconditionFailed, "the book is created twice");
    entry(batch.update_books(&unless_at("\"0\"", set(9, "y", None))).unwrap());
    let both = CatalogUpdate {
        if_match: "*".parse().ok(),
        ..unless_at("\"2\"", set(9, "z", None))
    };
    assert_eq!(batch.update_books(&both).unwrap(), Verdict::PreconditionFailed);
}

#[test]
fn refusals_of_changes_are_limited_and_none_is_recorded_on_a_full_disk() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW).with_refusals_max(1);
    let verdict = batch.update_books(&several(&[], &[8, 9])).unwrap();
    assert_eq!(verdict, Verdict::TooManyRefusals);
    assert_eq!(entry(batch.update_books(&withdraw(9)).unwrap()).kind, Kind::Refused);
    let mut full = DecisionBatch::new(&shop, NOW).with_disk_space(false);
    for change in [set(9, "x", None), withdraw(1), several(&[1], &[2])] {
        assert_eq!(full.update_books(&change).unwrap(), Verdict::DiskFull);
    }
}

//! The contract of [`Store`] as a test suite that every store runs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and reports its progress"
)]

mod catalog;
mod groups;
mod large;
mod shop;
#[cfg(test)]
mod small_disk;

use std::ops::RangeInclusive;

use common::{Entry, Kind, OrderId, Reason, Seq, Stock, Timestamp};
#[cfg(test)]
pub(crate) use testing::SmallDisk;

pub(crate) use self::shop::entry;
pub use self::shop::{ReferenceShop, book, described, four_books};
#[cfg(test)]
pub(crate) use self::small_disk::a_full_disk_refuses_a_batch_whole_until_there_is_room;
use super::{Error, Store};

/// A location for one store, which keeps its content while no store is open.
pub trait Fixture {
    /// Opens the store, a fresh one the first time.
    fn open(&self) -> Result<Box<dyn Store>, Error>;
}

/// Runs every check, each on a fixture of its own.
pub fn suite<F: Fixture>(make: impl Fn() -> F) {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        check(&make());
    }
}

/// The range of all entries.
pub const ALL_SEQS: RangeInclusive<Seq> = Seq::ZERO..=Seq(u64::MAX);

type Check = fn(&dyn Fixture);

macro_rules! checks {
    ($($check:path),* $(,)?) => { [$((stringify!($check), $check as Check)),*] };
}

const CHECKS: [(&str, Check); 24] = checks![
    a_fresh_store_is_empty_and_keeps_its_id,
    entries_are_in_order_and_outlive_the_process,
    a_batch_is_appended_whole_or_not_at_all,
    another_head_is_a_conflict_without_entries_too,
    an_order_is_found_by_its_id_and_no_other_is,
    groups::groups_are_read_and_found_whole,
    groups::orders_are_listed_by_the_entries_they_begin_with,
    groups::a_part_of_a_group_is_refused,
    groups::the_largest_numbers_and_groups_survive,
    a_large_batch_is_appended_like_any_other,
    pages_follow_each_other_without_gaps,
    large::the_largest_batch_is_appended_like_any_other,
    large::a_large_catalog_is_imported_like_any_other,
    catalog::any_title_survives,
    catalog::an_import_replaces_the_whole_catalog,
    catalog::a_book_may_change_several_times_in_one_batch,
    catalog::a_description_that_no_catalog_file_can_hold_is_refused,
    catalog::a_checkpoint_changes_nothing_that_is_read,
    catalog::an_old_checkpoint_is_ignored,
    every_kind_of_entry_is_read_back_equal,
    a_blob_is_read_back_whole,
    catalog::a_store_is_restored_from_another_one_in_several_calls,
    catalog::only_a_fresh_store_can_be_restored,
    reads_run_beside_appends_and_see_only_durable_entries,
];

/// A store with the four books.
fn filled(fixture: &dyn Fixture) -> (Box<dyn Store>, ReferenceShop) {
    let store = fixture.open().unwrap();
    let shop = ReferenceShop::filled(&*store);
    (store, shop)
}

/// Asserts that the next process finds the same.
fn assert_survives(fixture: &dyn Fixture, store: Box<dyn Store>, shop: &ReferenceShop) {
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_fresh_store_is_empty_and_keeps_its_id(fixture: &dyn Fixture) {
    let id = {
        let store = fixture.open().unwrap();
        ReferenceShop::empty().assert_matches(&*store);
        assert_eq!(store.find(OrderId::generate(), ALL_SEQS).unwrap(), []);
        store.append(Seq::ZERO, &[]).unwrap();
        store.load().unwrap().store
    };
    let store = fixture.open().unwrap();
    ReferenceShop::empty().assert_matches(&*store);
    assert_eq!(store.load().unwrap().store, id);
    let shop = ReferenceShop::filled(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    assert_eq!(store.load().unwrap().store, id);
}

fn entries_are_in_order_and_outlive_the_process(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    for count in [1, 3, 1, 20] {
        shop.sell_through(&*store, count);
        shop.assert_matches(&*store);
    }
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 2);
    assert_survives(fixture, store, &shop);
}

fn a_batch_is_appended_whole_or_not_at_all(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    shop.sell_through(&*store, 5);
    let before = shop.clone();
    let head = shop.head;
    let batch = shop.sell(3);
    let gap = [batch[0].clone(), batch[2].clone()];
    assert!(matches!(store.append(head, &gap), Err(Error::Conflict)));
    assert!(matches!(store.append(head, &batch[1..]), Err(Error::Conflict)));
    before.assert_matches(&*store);
    store.append(head, &batch).unwrap();
    shop.assert_matches(&*store);
}

fn another_head_is_a_conflict_without_entries_too(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    shop.sell_through(&*store, 2);
    let known = shop.clone();
    for other in [Seq::ZERO, Seq(shop.head.0 - 1), shop.head.next(), Seq(u64::MAX)] {
        assert!(matches!(store.append(other, &[]), Err(Error::Conflict)));
        let head = other;
        let entries = ReferenceShop { head, ..known.clone() }.plan_import(&[book(9, "New", 1)]);
        assert!(matches!(store.append(other, &entries), Err(Error::Conflict)));
    }
    let mut late = ReferenceShop {
        head: Seq(shop.head.0 - 1),
        ..shop.clone()
    };
    let stale = late.sell(2);
    assert!(matches!(
        store.append(Seq(shop.head.0 - 1), &stale),
        Err(Error::Conflict)
    ));
    assert!(matches!(store.append(shop.head, &stale), Err(Error::Conflict)));
    store.append(shop.head, &[]).unwrap();
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 1);
    shop.assert_matches(&*store);
}

fn an_order_is_found_by_its_id_and_no_other_is(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    for count in [1, 300, 2] {
        shop.sell_through(&*store, count);
    }
    for entry in shop.entries.iter().filter(|entry| entry.order.is_some()) {
        let found = store.find(entry.order.unwrap(), entry.seq..=entry.seq).unwrap();
        assert_eq!(found, std::slice::from_ref(entry));
    }
    assert_eq!(store.find(OrderId::generate(), ALL_SEQS).unwrap(), []);
    let id = store.load().unwrap().store.to_string().parse().unwrap();
    assert_eq!(
        store.find(id, ALL_SEQS).unwrap(),
        [],
        "the store's own id is not an order"
    );
    // Nor is an id in a title.
    let order = shop.entries.last().unwrap().order.unwrap();
    let unused = OrderId::generate();
    let books = [book(1, &order.to_string(), 9), book(2, &unused.to_string(), 9)];
    shop.import_through(&*store, &books);
    shop.sell_through(&*store, 9);
    assert_eq!(store.find(order, ALL_SEQS).unwrap()[0].order, Some(order));
    assert_eq!(store.find(unused, ALL_SEQS).unwrap(), []);
}

fn a_large_batch_is_appended_like_any_other(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    shop.sell_through(&*store, 3_000);
    shop.sell_through(&*store, 1);
    assert_survives(fixture, store, &shop);
}

fn pages_follow_each_other_without_gaps(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    for _ in 0..8 {
        shop.sell_through(&*store, 111);
    }
    for limit in [1, 7, 100, 1_000] {
        let (mut after, mut read) = (Seq::ZERO, Vec::new());
        loop {
            let page = store.read(after, limit).unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = last.seq;
            read.extend(page);
        }
        assert_eq!(read, shop.entries, "in pages of {limit}");
    }
    for after in 0..shop.head.0 {
        let page = store.read(Seq(after), 2).unwrap();
        assert_eq!(page[0], shop.entries[usize::try_from(after).unwrap()]);
    }
    assert_eq!(store.read(Seq::ZERO, 0).unwrap(), []);
    assert_eq!(store.read(shop.head, 10).unwrap(), []);
    assert_eq!(store.read(Seq(u64::MAX), 10).unwrap(), []);
}

fn every_kind_of_entry_is_read_back_equal(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    let (known, unknown) = (shop.books[1].clone(), book(4_294_967_295, "", 0));
    let seq = |offset: u64| Seq(shop.head.0 + offset);
    let most = Stock::try_from(1_000_000_000).unwrap();
    let up = known.stock.difference_to(most);
    let entries = vec![
        entry(
            seq(1),
            Kind::Sold,
            &known,
            -1,
            known.stock.checked_add_signed(-1).unwrap(),
        ),
        entry(seq(2), Kind::Restocked, &known, 1, known.stock),
        entry(seq(3), Kind::Set, &known, up, most),
        Entry {
            quantity: None,
            ..entry(seq(4), Kind::Set, &known, 0, most)
        },
        Entry {
            quantity: "100".parse().ok(),
            reason: Some(Reason::SoldOut),
            ..entry(seq(5), Kind::Refused, &known, 0, most)
        },
        Entry {
            stock_after: None,
            unit_cost: None,
            title: None,
            reason: Some(Reason::UnknownItem),
            ..entry(seq(6), Kind::Refused, &unknown, 0, most)
        },
        Entry {
            at: Timestamp::from_micros(-1),
            ..entry(seq(7), Kind::Set, &known, -up, known.stock)
        },
    ];
    store.append(shop.head, &entries).unwrap();
    shop.apply(&entries);
    shop.assert_matches(&*store);
    assert_survives(fixture, store, &shop);
}

fn a_blob_is_read_back_whole(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    assert_eq!(store.get_blob("a").unwrap(), None);
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    for (name, content) in [("a", &b"one"[..]), ("b", b""), ("a", &large), ("c-1", b"\0\xff")] {
        store.put_blob(name, content).unwrap();
        assert!(store.get_blob(name).unwrap().as_deref() == Some(content), "{name}");
        shop.sell_through(&*store, 1);
    }
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    for (name, content) in [("a", &large[..]), ("b", b""), ("c-1", b"\0\xff")] {
        assert!(store.get_blob(name).unwrap().as_deref() == Some(content), "{name}");
    }
}

fn reads_run_beside_appends_and_see_only_durable_entries(fixture: &dyn Fixture) {
    let (store, mut shop) = filled(fixture);
    let (start, store) = (shop.head, &*store);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (mut after, mut seen) = (start, Vec::new());
            while after.0 < start.0 + 500 {
                let page = store.read(after, 64).unwrap();
                after = page.last().map_or(after, |entry| entry.seq);
                seen.extend(page);
            }
            seen
        });
        for _ in 0..50 {
            shop.sell_through(store, 10);
        }
        let seen = reader.join().unwrap();
        assert_eq!(seen, shop.entries[usize::try_from(start.0).unwrap()..]);
    });
}

//! The contract of [`Store`] as a test suite that every store runs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and reports its progress"
)]

mod large;
mod shop;
#[cfg(test)]
mod small_disk;

use std::iter;
use std::ops::RangeInclusive;

use common::wire::Book;
use common::{Entry, Kind, OrderId, Reason, Seq, Stock, Timestamp};

use self::shop::entry;
pub use self::shop::{ReferenceShop, book, four_books};
#[cfg(test)]
pub(crate) use self::small_disk::{SmallDisk, a_full_disk_refuses_a_batch_whole_until_there_is_room};
use super::{Error, Store};

/// A location for one store, which keeps its content while no store is open.
pub trait Fixture {
    /// Opens the store, a fresh one the first time.
    fn open(&self) -> Result<Box<dyn Store>, Error>;
}

/// Runs every check, each on a fixture of its own.
pub fn suite<F: Fixture>(make: impl Fn() -> F) {
    for (name, check) in checks() {
        eprintln!("{name}");
        check(&make());
    }
}

/// The range of all entries.
pub const ALL_SEQS: RangeInclusive<Seq> = Seq::ZERO..=Seq(u64::MAX);

type Check = fn(&dyn Fixture);

fn checks() -> Vec<(&'static str, Check)> {
    vec![
        (
            "a fresh store is empty and keeps its id",
            a_fresh_store_is_empty_and_keeps_its_id,
        ),
        (
            "entries are in order and outlive the process",
            entries_are_in_order_and_outlive_the_process,
        ),
        (
            "a batch is appended whole or not at all",
            a_batch_is_appended_whole_or_not_at_all,
        ),
        (
            "another head is a conflict, without entries too",
            another_head_is_a_conflict_without_entries_too,
        ),
        (
            "an order is found by its id and no other is",
            an_order_is_found_by_its_id_and_no_other_is,
        ),
        (
            "a large batch is appended like any other",
            a_large_batch_is_appended_like_any_other,
        ),
        (
            "pages follow each other without gaps",
            pages_follow_each_other_without_gaps,
        ),
        (
            "the largest batch is appended like any other",
            large::the_largest_batch_is_appended_like_any_other,
        ),
        (
            "a large catalog is imported like any other",
            large::a_large_catalog_is_imported_like_any_other,
        ),
        ("any title survives", any_title_survives),
        (
            "an import replaces the whole catalog",
            an_import_replaces_the_whole_catalog,
        ),
        ("a refused import changes nothing", a_refused_import_changes_nothing),
        (
            "a checkpoint changes nothing that is read",
            a_checkpoint_changes_nothing_that_is_read,
        ),
        ("an old checkpoint is ignored", an_old_checkpoint_is_ignored),
        (
            "every kind of entry is read back equal",
            every_kind_of_entry_is_read_back_equal,
        ),
        ("a blob is read back whole", a_blob_is_read_back_whole),
        (
            "a store is restored from another one in several calls",
            a_store_is_restored_from_another_one_in_several_calls,
        ),
        ("only a fresh store can be restored", only_a_fresh_store_can_be_restored),
        (
            "reads run beside appends and see only durable entries",
            reads_run_beside_appends_and_see_only_durable_entries,
        ),
    ]
}

fn a_fresh_store_is_empty_and_keeps_its_id(fixture: &dyn Fixture) {
    let id = {
        let store = fixture.open().unwrap();
        ReferenceShop::empty().assert_matches(&*store);
        assert_eq!(store.find(OrderId::generate(), ALL_SEQS).unwrap(), None);
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
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    for count in [1, 3, 1, 20] {
        shop.sell_through(&*store, count);
        shop.assert_matches(&*store);
    }
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 2);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_batch_is_appended_whole_or_not_at_all(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, 2);
    let known = shop.clone();
    for other in [Seq::ZERO, Seq(shop.head.0 - 1), shop.head.next(), Seq(u64::MAX)] {
        assert!(matches!(store.append(other, &[]), Err(Error::Conflict)));
        let entries = ReferenceShop {
            head: other,
            ..known.clone()
        }
        .plan_import(&[book(9, "New", 1)])
        .0;
        assert!(matches!(
            store.import(other, &entries, &[book(9, "New", 1)]),
            Err(Error::Conflict)
        ));
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
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    for count in [1, 300, 2] {
        shop.sell_through(&*store, count);
    }
    for entry in shop.entries.iter().filter(|entry| entry.order.is_some()) {
        assert_eq!(
            store
                .find(entry.order.unwrap(), entry.seq..=entry.seq)
                .unwrap()
                .as_ref(),
            Some(entry)
        );
    }
    assert_eq!(store.find(OrderId::generate(), ALL_SEQS).unwrap(), None);
    let id = store.load().unwrap().store.to_string().parse().unwrap();
    assert_eq!(
        store.find(id, ALL_SEQS).unwrap(),
        None,
        "the store's own id is not an order"
    );
}

fn a_large_batch_is_appended_like_any_other(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, 3_000);
    shop.sell_through(&*store, 1);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn pages_follow_each_other_without_gaps(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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

fn any_title_survives(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::empty();
    let hostile = [
        "\"",
        "\"\"",
        ",",
        "a,b",
        "'; DROP TABLE books; --",
        "=1+1",
        "#",
        "\\",
        "戰爭與和平",
        "Война и мир",
        "a\u{202e}b\u{200b}",
        "e\u{301}\u{301}",
        "🦀\u{1F469}\u{200D}\u{1F680}",
        "none",
        "NULL",
        "0",
        "%00",
        "{}",
        "\u{fffd}",
    ];
    let long = "ж".repeat(512);
    let titles = hostile.into_iter().chain(iter::once(long.as_str()));
    let books: Vec<Book> = (1..)
        .zip(titles)
        .map(|(item, title)| {
            let author = (item % 2 == 0).then(|| title.to_owned());
            Book {
                topic: title.to_owned(),
                author,
                ..book(item, title, 10)
            }
        })
        .collect();
    let (entries, books) = shop.plan_import(&books);
    store.import(shop.head, &entries, &books).unwrap();
    shop.apply_import(&entries, books);
    shop.assert_matches(&*store);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn an_import_replaces_the_whole_catalog(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, 10);
    let mut wanted = shop.books.clone();
    wanted.remove(2);
    wanted[0].title = "Another title".to_owned();
    wanted[1].author = Some("An author".to_owned());
    wanted.push(book(77, "New", 5));
    let (entries, books) = shop.plan_import(&wanted);
    assert_eq!(entries.len(), 4);
    store.import(shop.head, &entries, &books).unwrap();
    shop.apply_import(&entries, books);
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 9);
    shop.assert_matches(&*store);
    store.import(shop.head, &[], &shop.books).unwrap();
    shop.assert_matches(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    let (entries, books) = shop.plan_import(&[]);
    store.import(shop.head, &entries, &books).unwrap();
    shop.apply_import(&entries, books);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_refused_import_changes_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    let (entries, books) = shop.plan_import(&[book(1, "two\nlines", 1)]);
    assert!(matches!(
        store.import(shop.head, &entries, &books),
        Err(Error::CatalogFile(_))
    ));
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 1);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_checkpoint_changes_nothing_that_is_read(fixture: &dyn Fixture) {
    let mut shop = ReferenceShop::empty();
    for round in 0..4 {
        let store = fixture.open().unwrap();
        if round == 0 {
            shop = ReferenceShop::filled(&*store);
        }
        shop.assert_matches(&*store);
        shop.sell_through(&*store, 5);
        store.checkpoint(&shop.books, shop.head).unwrap();
        store.checkpoint(&shop.books, shop.head).unwrap();
        shop.assert_matches(&*store);
        if round % 2 == 0 {
            shop.sell_through(&*store, 3);
        }
    }
    shop.assert_matches(&*fixture.open().unwrap());
}

fn an_old_checkpoint_is_ignored(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, 5);
    let old = shop.clone();
    shop.sell_through(&*store, 5);
    store.checkpoint(&old.books, old.head).unwrap();
    store.checkpoint(&shop.books, shop.head).unwrap();
    store.checkpoint(&old.books, old.head).unwrap();
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn every_kind_of_entry_is_read_back_equal(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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
            quantity: Some(100),
            reason: Some(Reason::SoldOut),
            ..entry(seq(5), Kind::Refused, &known, 0, most)
        },
        Entry {
            stock_after: None,
            unit_cost: None,
            reason: Some(Reason::UnknownItem),
            ..entry(seq(6), Kind::Refused, &unknown, 0, most)
        },
        Entry {
            at: Timestamp::from_micros(-1),
            ..entry(seq(7), Kind::Set, &known, -up, known.stock)
        },
    ];
    store.append(shop.head, &entries).unwrap();
    shop.head = seq(7);
    shop.entries.extend(entries);
    shop.books[1].seq = shop.head;
    shop.assert_matches(&*store);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_blob_is_read_back_whole(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    assert_eq!(store.get_blob("a").unwrap(), None);
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    for (name, note) in [("a", &b"one"[..]), ("b", b""), ("a", &large), ("c-1", b"\0\xff")] {
        store.put_blob(name, note).unwrap();
        assert!(store.get_blob(name).unwrap().as_deref() == Some(note), "{name}");
        shop.sell_through(&*store, 1);
    }
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    for (name, note) in [("a", &large[..]), ("b", b""), ("c-1", b"\0\xff")] {
        assert!(store.get_blob(name).unwrap().as_deref() == Some(note), "{name}");
    }
}

/// A shop after an import, sales and a second import, in no store yet.
fn shop_with_history() -> ReferenceShop {
    let mut shop = ReferenceShop::empty();
    let (entries, books) = shop.plan_import(&four_books());
    shop.apply_import(&entries, books);
    shop.sell(30);
    let mut wanted = shop.books.clone();
    wanted.remove(1);
    wanted[0].title = "Another title".to_owned();
    let (entries, books) = shop.plan_import(&wanted);
    shop.apply_import(&entries, books);
    shop.sell(5);
    shop
}

fn a_store_is_restored_from_another_one_in_several_calls(fixture: &dyn Fixture) {
    let shop = shop_with_history();
    let mut head = Seq::ZERO;
    for piece in shop.entries.chunks(7) {
        let store = fixture.open().unwrap();
        store.restore(head, piece).unwrap();
        assert!(matches!(store.restore(head, piece), Err(Error::Conflict)));
        head = piece.last().unwrap().seq;
        match store.load().unwrap_err() {
            Error::RestoreIncomplete { head: there, .. } => assert_eq!(there, head),
            other => panic!("{other}"),
        }
        let there = store.read(Seq::ZERO, usize::MAX).unwrap();
        assert_eq!(there, shop.entries[..there.len()]);
    }
    let store = fixture.open().unwrap();
    store.import(head, &[], &shop.books).unwrap();
    shop.assert_matches(&*store);
    drop(store);
    let (store, mut shop) = (fixture.open().unwrap(), shop);
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 3);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn only_a_fresh_store_can_be_restored(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    let foreign = shop.clone().sell(2);
    assert!(matches!(store.restore(shop.head, &foreign), Err(Error::Conflict)));
    assert!(matches!(store.restore(Seq::ZERO, &shop.entries), Err(Error::Conflict)));
    shop.assert_matches(&*store);
    shop.sell_through(&*store, 2);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn reads_run_beside_appends_and_see_only_durable_entries(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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

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

use common::entry::groups;
use common::wire::Book;
use common::{Entry, GroupLine, Kind, OrderId, Reason, Seq, Stock, Timestamp, limits};

pub(crate) use self::shop::entry;
pub use self::shop::{ReferenceShop, book, described, four_books};
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

const CHECKS: [(&str, Check); 23] = checks![
    a_fresh_store_is_empty_and_keeps_its_id,
    entries_are_in_order_and_outlive_the_process,
    a_batch_is_appended_whole_or_not_at_all,
    another_head_is_a_conflict_without_entries_too,
    an_order_is_found_by_its_id_and_no_other_is,
    groups_are_read_and_found_whole,
    a_part_of_a_group_is_refused,
    the_largest_numbers_and_groups_survive,
    a_large_batch_is_appended_like_any_other,
    pages_follow_each_other_without_gaps,
    large::the_largest_batch_is_appended_like_any_other,
    large::a_large_catalog_is_imported_like_any_other,
    any_title_survives,
    an_import_replaces_the_whole_catalog,
    a_book_may_change_several_times_in_one_batch,
    a_description_that_no_catalog_file_can_hold_is_refused,
    a_checkpoint_changes_nothing_that_is_read,
    an_old_checkpoint_is_ignored,
    every_kind_of_entry_is_read_back_equal,
    a_blob_is_read_back_whole,
    a_store_is_restored_from_another_one_in_several_calls,
    only_a_fresh_store_can_be_restored,
    reads_run_beside_appends_and_see_only_durable_entries,
];

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
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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

/// A store with 30 books and orders of different sizes in several batches.
fn baskets(store: &dyn Store) -> ReferenceShop {
    let books: Vec<Book> = (1..=30).map(|item| book(item, &format!("Title {item}"), 40)).collect();
    let mut shop = ReferenceShop::filled_with(store, &books);
    for sizes in [&[1, 3, 1, 2][..], &[20], &[2, 2, 19, 1], &[5; 300]] {
        shop.sell_baskets_through(store, sizes);
    }
    shop
}

fn groups_are_read_and_found_whole(fixture: &dyn Fixture) {
    let shop = baskets(&*fixture.open().unwrap());
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    let refused = shop.entries.iter().filter(|entry| entry.kind == Kind::Refused);
    let reasons: Vec<_> = refused.filter_map(|entry| entry.reason).collect();
    assert!(reasons.contains(&Reason::SoldOut) && reasons.contains(&Reason::WithOthers));
    let all: Vec<&[Entry]> = groups(&shop.entries).collect();
    for group in all.iter().filter(|group| group[0].order.is_some()) {
        let (first, order) = (group[0].seq, group[0].order.unwrap());
        assert_eq!(store.find(order, first..=first).unwrap(), **group);
        assert_eq!(store.find(order, ALL_SEQS).unwrap(), **group);
    }
    for limit in [1, 2, 7, 19, 20, 1_000] {
        let (mut after, mut read) = (Seq::ZERO, Vec::new());
        loop {
            let page = store.read(after, limit).unwrap();
            let Some(last) = page.last() else { break };
            assert!(last.line.is_last(), "a page of {limit} ends within {}", last.seq);
            let least = page.len() - usize::from(last.line.count()) + 1;
            assert!(
                (least..=page.len()).contains(&limit) || last.seq == shop.head,
                "{limit}"
            );
            after = last.seq;
            read.extend(page);
        }
        assert_eq!(read, shop.entries, "in pages of {limit}");
    }
}

fn a_part_of_a_group_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = baskets(&*store);
    let (before, head) = (shop.clone(), shop.head);
    let entries = shop.sell_baskets(&[1, 3]);
    let mut other_order = entries.clone();
    other_order[2].order = Some(OrderId::generate());
    let mut other_count = entries.clone();
    other_count[3].line = GroupLine::new(3, 4).unwrap();
    for part in [&entries[..2], &entries[..3], &other_order, &other_count] {
        let refused = store.append(head, part).unwrap_err();
        assert!(
            matches!(refused, Error::PartialGroup(_)) && refused.is_transient(),
            "{refused}"
        );
    }
    before.assert_matches(&*store);
    store.append(head, &entries).unwrap();
    let behind = Entry {
        line: GroupLine::new(2, 2).unwrap(),
        seq: shop.head.next(),
        ..entries[3].clone()
    };
    assert!(matches!(
        store.append(shop.head, &[behind]),
        Err(Error::PartialGroup(_))
    ));
    shop.assert_matches(&*store);
}

fn the_largest_numbers_and_groups_survive(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut books: Vec<Book> = (1..=1_000).map(|item| book(item, "Title", 9)).collect();
    let last = books.last_mut().unwrap();
    last.item = limits::ITEM_MAX.try_into().unwrap();
    (last.author, last.cost) = (Some("ж".repeat(512).into()), "9999999.99".parse().unwrap());
    let mut shop = ReferenceShop::filled_with(&*store, &books);
    shop.sell_baskets_through(&*store, &[3, 1_000, 1]);
    // A shopkeeper's change of many books.
    let order = Some(OrderId::generate());
    let changes = (1..).zip(&shop.books).map(|(number, book)| {
        let changed = Book {
            title: "Another, \"quoted\" title".into(),
            seq: Seq(shop.head.0 + u64::from(number)),
            ..book.clone()
        };
        Entry {
            line: GroupLine::new(number, 1_000).unwrap(),
            order,
            ..described(&changed, 0)
        }
    });
    let changes: Vec<Entry> = changes.collect();
    store.append(shop.head, &changes).unwrap();
    shop.apply(&changes);
    assert_eq!(store.find(order.unwrap(), ALL_SEQS).unwrap(), changes);
    shop.assert_matches(&*store);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
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
            let author = (item % 2 == 0).then(|| title.into());
            Book {
                topic: title.into(),
                author,
                ..book(item, title, 10)
            }
        })
        .collect();
    shop.import_through(&*store, &books);
    shop.sell_through(&*store, 2 * books.len());
    shop.assert_matches(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    store.checkpoint(&shop.books, shop.head).unwrap();
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn an_import_replaces_the_whole_catalog(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    shop.sell_through(&*store, 10);
    let mut wanted = shop.books.clone();
    wanted.remove(2);
    wanted[0].title = "Another title".into();
    wanted[1].author = Some("An author".into());
    wanted.push(book(77, "New", 5));
    assert_eq!(shop.plan_import(&wanted).len(), 4);
    shop.import_through(&*store, &wanted);
    shop.assert_matches(&*store);
    shop.sell_baskets_through(&*store, &[1, 4, 2]);
    shop.assert_matches(&*store);
    drop(store);
    let store = fixture.open().unwrap();
    shop.assert_matches(&*store);
    shop.import_through(&*store, &[]);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_book_may_change_several_times_in_one_batch(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    let mut wanted = shop.books.clone();
    wanted[1].title = "Another title".into();
    wanted.push(book(9, "New", 5));
    let mut next = shop.clone();
    next.apply(&shop.plan_import(&wanted));
    next.sell_baskets(&[5, 1, 3]);
    wanted = next.books.clone();
    wanted.remove(4);
    wanted.remove(0);
    next.apply(&next.plan_import(&wanted));
    wanted.insert(0, book(1, "Back", 2));
    next.apply(&next.plan_import(&wanted));
    next.sell_baskets(&[4]);
    store.append(shop.head, &next.entries[shop.entries.len()..]).unwrap();
    shop = next;
    shop.assert_matches(&*store);
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_description_that_no_catalog_file_can_hold_is_refused(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
    let entries = shop.plan_import(&[book(1, "two\nlines", 1)]);
    assert!(matches!(store.append(shop.head, &entries), Err(Error::CatalogFile(_))));
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
    drop(store);
    shop.assert_matches(&*fixture.open().unwrap());
}

fn a_blob_is_read_back_whole(fixture: &dyn Fixture) {
    let store = fixture.open().unwrap();
    let mut shop = ReferenceShop::filled(&*store);
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

/// A shop after an import, sales and a second import, in no store yet.
fn shop_with_history() -> ReferenceShop {
    let mut shop = ReferenceShop::empty();
    shop.apply(&shop.plan_import(&four_books()));
    shop.sell(30);
    let mut wanted = shop.books.clone();
    wanted.remove(1);
    wanted[0].title = "Another title".into();
    shop.apply(&shop.plan_import(&wanted));
    shop.sell_baskets(&[1, 3, 1, 2]);
    shop
}

fn a_store_is_restored_from_another_one_in_several_calls(fixture: &dyn Fixture) {
    let shop = shop_with_history();
    let mut head = Seq::ZERO;
    let all: Vec<&[Entry]> = groups(&shop.entries).collect();
    for piece in all.chunks(7) {
        let piece = &piece.concat();
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
    store.checkpoint(&shop.books, head).unwrap();
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

//! A reference model of a store's content.

use std::fmt;

use common::wire::Book;
use common::{Cost, Entry, ItemNumber, Kind, OrderId, Reason, Seq, Stock, Timestamp};

use crate::{Store, catalog_file};

/// The expected content of a store.
#[derive(Clone)]
pub struct ReferenceShop {
    /// The last entry.
    pub head: Seq,
    /// Every book, by item number.
    pub books: Vec<Book>,
    /// The ledger.
    pub entries: Vec<Entry>,
}

impl fmt::Debug for ReferenceShop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReferenceShop at {}", self.head)
    }
}

impl ReferenceShop {
    /// A shop without books.
    pub fn empty() -> Self {
        Self {
            head: Seq::ZERO,
            books: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Imports the four books into the store and returns the shop with them.
    pub fn filled(store: &dyn Store) -> Self {
        let mut shop = Self::empty();
        let (entries, books) = shop.plan_import(&four_books());
        store.import(shop.head, &entries, &books).unwrap();
        shop.apply_import(&entries, books);
        shop
    }

    /// Returns the entries of an import of these books, and the books after it.
    pub fn plan_import(&self, books: &[Book]) -> (Vec<Entry>, Vec<Book>) {
        let mut seq = self.head;
        let mut entry = |kind, book: &Book, change, after| {
            seq = seq.next();
            Entry {
                quantity: None,
                order: None,
                ..entry(seq, kind, book, change, after)
            }
        };
        let mut entries = Vec::new();
        for removed in self
            .books
            .iter()
            .filter(|old| books.iter().all(|book| book.item != old.item))
        {
            entries.push(entry(
                Kind::Withdrawn,
                removed,
                -i64::from(removed.stock.get()),
                Stock::ZERO,
            ));
        }
        let mut books = books.to_vec();
        for book in &mut books {
            let old = self.books.iter().find(|old| old.item == book.item);
            let unchanged = old.is_some_and(|old| {
                Book {
                    seq: old.seq,
                    ..book.clone()
                } == *old
            });
            if !unchanged {
                let change = old.map_or(Stock::ZERO, |old| old.stock).difference_to(book.stock);
                entries.push(entry(Kind::Set, book, change, book.stock));
            }
            book.seq = if unchanged {
                old.unwrap().seq
            } else {
                entries.last().unwrap().seq
            };
        }
        (entries, books)
    }

    /// Applies an import.
    pub fn apply_import(&mut self, entries: &[Entry], books: Vec<Book>) {
        self.head = Seq(self.head.0 + entries.len() as u64);
        self.entries.extend_from_slice(entries);
        self.books = books;
    }

    /// Applies and returns `count` sales of one copy each, from the books in turn.
    pub fn sell(&mut self, count: usize) -> Vec<Entry> {
        let sold: Vec<Entry> = (0..count)
            .map(|_| {
                let place = usize::try_from(self.head.0).unwrap() % self.books.len();
                self.head = self.head.next();
                let book = &mut self.books[place];
                let after = book.stock.checked_add_signed(-1);
                book.stock = after.unwrap_or(book.stock);
                let Some(after) = after else {
                    let reason = Some(Reason::SoldOut);
                    return Entry {
                        reason,
                        ..entry(self.head, Kind::Refused, book, 0, Stock::ZERO)
                    };
                };
                book.seq = self.head;
                entry(self.head, Kind::Sold, book, -1, after)
            })
            .collect();
        self.entries.extend_from_slice(&sold);
        sold
    }

    /// Applies entries that a copy of this shop made.
    pub fn apply(&mut self, entries: Vec<Entry>) {
        for entry in &entries {
            if let Some(book) = self.books.iter_mut().find(|book| book.item == entry.item)
                && entry.kind.changes_book()
                && let Some(stock) = entry.stock_after
            {
                (book.stock, book.seq) = (stock, entry.seq);
            }
            self.head = entry.seq;
        }
        self.entries.extend(entries);
    }

    /// Sells and appends the sales to the store.
    pub fn sell_through(&mut self, store: &dyn Store, count: usize) {
        let head = self.head;
        let entries = self.sell(count);
        store.append(head, &entries).unwrap();
    }

    /// Asserts that the store's content is this shop's.
    pub fn assert_matches(&self, store: &dyn Store) {
        let loaded = store.load().unwrap();
        assert_eq!(loaded.head, self.head);
        assert_eq!(store.read(Seq::ZERO, usize::MAX).unwrap(), self.entries);
        assert_eq!(loaded.books, self.books);
    }
}

/// The books of the default catalog file.
pub fn four_books() -> Vec<Book> {
    let listings = catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "catalog.csv".as_ref()).unwrap();
    listings
        .into_iter()
        .map(|listing| book(listing.item.get(), &listing.title, listing.stock.get()))
        .collect()
}

/// A book with a number, a title and a stock; the rest is the same for all.
pub fn book(item: u32, title: &str, stock: u32) -> Book {
    Book {
        item: ItemNumber::try_from(u64::from(item)).unwrap(),
        title: title.to_owned(),
        author: None,
        topic: "distributed systems".to_owned(),
        cost: Cost::try_from(4_000).unwrap(),
        stock: Stock::try_from(u64::from(stock)).unwrap(),
        seq: Seq::ZERO,
    }
}

pub(super) fn entry(seq: Seq, kind: Kind, book: &Book, change: i64, after: Stock) -> Entry {
    Entry {
        seq,
        at: Timestamp::now(),
        kind,
        item: book.item,
        quantity: Some(1),
        change,
        stock_after: Some(after),
        order: Some(OrderId::generate()),
        unit_cost: Some(book.cost),
        reason: None,
    }
}

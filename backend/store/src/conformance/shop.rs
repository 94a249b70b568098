//! A reference model of a store's content.

use std::collections::BTreeMap;
use std::fmt;

use common::wire::Book;
use common::{Cost, Description, Entry, GroupPosition, ItemNumber, Kind, OrderId, Reason, Seq, Stock, Timestamp};

use crate::{Store, StoreState, catalog_file, format_1};

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
        Self::filled_with(store, &four_books())
    }

    /// Imports books into the store, writes a checkpoint and returns the shop with them.
    pub fn filled_with(store: &dyn Store, books: &[Book]) -> Self {
        let mut shop = Self::empty();
        shop.import_through(store, books);
        store.checkpoint(&shop.books, shop.head).unwrap();
        shop
    }

    /// Returns the entries of an import after which these are the books.
    pub fn plan_import(&self, books: &[Book]) -> Vec<Entry> {
        let wanted: BTreeMap<ItemNumber, &Book> = books.iter().map(|book| (book.item, book)).collect();
        let mut seq = self.head;
        let mut entries = Vec::new();
        for book in self.books.iter().filter(|book| !wanted.contains_key(&book.item)) {
            seq = seq.next();
            let change = -i64::from(book.stock.get());
            entries.push(Entry {
                quantity: None,
                order: None,
                ..entry(seq, Kind::Withdrawn, book, change, Stock::ZERO)
            });
        }
        for book in books {
            let old = self.book(book.item);
            let of_same_seq = |old: &Book| Book {
                seq: old.seq,
                ..book.clone()
            };
            if old.is_some_and(|old| of_same_seq(old) == *old) {
                continue;
            }
            seq = seq.next();
            let before = old.map_or(Stock::ZERO, |old| old.stock);
            let book = Book { seq, ..book.clone() };
            entries.push(described(&book, before.difference_to(book.stock)));
        }
        entries
    }

    /// Imports books so that they replace all others.
    pub fn import_through(&mut self, store: &dyn Store, books: &[Book]) {
        let entries = self.plan_import(books);
        store.append(self.head, &entries).unwrap();
        self.apply(&entries);
    }

    /// Applies and returns `count` sales of one copy each, from the books in turn.
    pub fn sell(&mut self, count: usize) -> Vec<Entry> {
        self.sell_baskets(&vec![1; count])
    }

    /// Applies and returns one order for each of `sizes`: one copy of each of that number of books.
    pub fn sell_baskets(&mut self, sizes: &[usize]) -> Vec<Entry> {
        let start = self.entries.len();
        for &size in sizes {
            let basket = self.plan_basket(size);
            self.apply(&basket);
        }
        self.entries[start..].to_vec()
    }

    fn plan_basket(&self, size: usize) -> Vec<Entry> {
        let first = usize::try_from(self.head.0).unwrap();
        let mut places: Vec<usize> = (first..first + size).map(|place| place % self.books.len()).collect();
        places.sort_unstable();
        let (order, at) = (Some(OrderId::generate()), Timestamp::now());
        let is_sold = places.iter().all(|&place| self.books[place].stock > Stock::ZERO);
        let lines = (1..).zip(places).map(|(number, place)| {
            let (book, seq) = (&self.books[place], Seq(self.head.0 + u64::from(number)));
            let line = GroupPosition::new(number, size.try_into().unwrap()).unwrap();
            let entry = match book.stock.checked_add_signed(-1) {
                Some(after) if is_sold => entry(seq, Kind::Sold, book, -1, after),
                after => Entry {
                    reason: Some(after.map_or(Reason::SoldOut, |_| Reason::WithOthers)),
                    ..entry(seq, Kind::Refused, book, 0, book.stock)
                },
            };
            Entry {
                line,
                order,
                at,
                ..entry
            }
        });
        lines.collect()
    }

    /// Applies entries.
    pub fn apply(&mut self, entries: &[Entry]) {
        for entry in entries {
            let place = self.books.binary_search_by_key(&entry.item, |book| book.item);
            match (place, entry.described()) {
                (Ok(place), Some(book)) => self.books[place] = book,
                (Err(place), Some(book)) => self.books.insert(place, book),
                (Ok(place), None) if entry.kind == Kind::Withdrawn => drop(self.books.remove(place)),
                (Ok(place), None) if entry.kind.changes_book() => {
                    let book = &mut self.books[place];
                    (book.stock, book.seq) = (entry.stock_after.unwrap(), entry.seq);
                }
                _ => {}
            }
            self.head = entry.seq;
        }
        self.entries.extend_from_slice(entries);
    }

    /// Sells and appends the sales to the store.
    pub fn sell_through(&mut self, store: &dyn Store, count: usize) {
        self.sell_baskets_through(store, &vec![1; count]);
    }

    /// Sells orders of several lines and appends them to the store.
    pub fn sell_baskets_through(&mut self, store: &dyn Store, sizes: &[usize]) {
        let head = self.head;
        let entries = self.sell_baskets(sizes);
        store.append(head, &entries).unwrap();
    }

    /// Asserts that the store has this shop's content.
    pub fn assert_matches(&self, store: &dyn Store) {
        let loaded = store.load().unwrap();
        assert_eq!(loaded.head, self.head);
        assert_eq!(store.read(Seq::ZERO, usize::MAX).unwrap(), self.entries);
        assert_eq!(loaded.books, self.books);
    }

    /// Asserts that this shop's store had this state, and these entries up to its head, at one moment.
    pub fn assert_had(&self, state: &StoreState, entries: &[Entry]) {
        assert_eq!(entries.last().map_or(Seq::ZERO, |last| last.seq), state.head);
        assert!(self.entries.starts_with(entries), "at {}", state.head);
        let changes = entries.iter().rev().filter(|entry| entry.kind.changes_book());
        for book in &state.books {
            let last = changes.clone().find(|entry| entry.item == book.item).unwrap();
            assert_eq!((last.seq, last.stock_after), (book.seq, Some(book.stock)));
        }
    }

    fn book(&self, item: ItemNumber) -> Option<&Book> {
        let place = self.books.binary_search_by_key(&item, |book| book.item).ok()?;
        self.books.get(place)
    }
}

/// The books of the default catalog file.
pub fn four_books() -> Vec<Book> {
    let rows = catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "catalog.csv".as_ref()).unwrap();
    (1..)
        .zip(rows)
        .map(|(item, row)| book(item, &row.title, row.stock.get()))
        .collect()
}

/// A book with a number, a title and a stock; the rest is the same for all.
pub fn book(item: u32, title: &str, stock: u32) -> Book {
    let item = ItemNumber::try_from(u64::from(item)).unwrap();
    let description = Description::new("distributed systems");
    let (cost, stock) = (
        Cost::try_from(4_000).unwrap(),
        Stock::try_from(u64::from(stock)).unwrap(),
    );
    Book::new(item, title.into(), description, cost, stock, Seq::ZERO)
}

/// An entry of an import that describes a book.
pub fn described(book: &Book, change: i64) -> Entry {
    Entry {
        change,
        ..format_1::describe(book, Timestamp::now())
    }
}

/// An entry with an order id about a book. Sales and refusals have its title.
pub(crate) fn entry(seq: Seq, kind: Kind, book: &Book, change: i64, after: Stock) -> Entry {
    let is_order = matches!(kind, Kind::Sold | Kind::Refused);
    Entry {
        seq,
        at: Timestamp::now(),
        kind,
        item: book.item,
        line: GroupPosition::ONLY,
        quantity: "1".parse().ok(),
        change,
        stock_after: Some(after),
        order: Some(OrderId::generate()),
        unit_cost: Some(book.cost),
        reason: None,
        title: is_order.then(|| book.title.clone()),
        description: None,
    }
}

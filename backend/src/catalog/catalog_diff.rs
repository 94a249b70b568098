//! Taking a catalog file into the books: what has to be recorded so that they are the ones of the file.

use std::collections::{HashMap, HashSet};

use common::wire::Book;
use common::{Entry, ItemNumber, Kind, Seq, Stock, Timestamp};

use crate::store::catalog_file::CatalogRow;

/// What is recorded, and the whole catalog that follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogDiff {
    /// `withdrawn` for each book that is gone, `set` for each one that is new or differs in any column.
    pub entries: Vec<Entry>,
    /// Every book after them: those of the file in its order, then those that only stood there before.
    pub books: Vec<Book>,
    /// How many books are not in the file and stay.
    pub kept: usize,
}

impl CatalogDiff {
    /// Compares the books as they stand after the entry `head` with a file's. A book that the file does not have stays,
    /// or is withdrawn if `withdraws`.
    pub fn between(head: Seq, before: &[Book], listings: Vec<CatalogRow>, withdraws: bool, at: Timestamp) -> Self {
        let mut changes = Self {
            entries: Vec::new(),
            books: Vec::with_capacity(listings.len()),
            kept: 0,
        };
        let listed: HashSet<ItemNumber> = listings.iter().map(|listing| listing.item).collect();
        let (there, absent): (Vec<&Book>, Vec<&Book>) = before.iter().partition(|book| listed.contains(&book.item));
        let mut recorder = Recorder { seq: head, at };
        if withdraws {
            let gone = absent.iter().map(|book| recorder.withdraw(book));
            changes.entries.extend(gone);
        }
        let there: HashMap<ItemNumber, &Book> = there.into_iter().map(|book| (book.item, book)).collect();
        for listing in listings {
            let before = there.get(&listing.item).copied();
            let book = book(listing, before.map_or(Seq::ZERO, |before| before.seq));
            if before == Some(&book) {
                changes.books.push(book);
                continue;
            }
            let entry = recorder.set(&book, before.map_or(Stock::ZERO, |before| before.stock));
            changes.books.push(Book { seq: entry.seq, ..book });
            changes.entries.push(entry);
        }
        if !withdraws {
            changes.kept = absent.len();
            changes.books.extend(absent.into_iter().cloned());
        }
        changes
    }
}

fn book(listing: CatalogRow, seq: Seq) -> Book {
    Book {
        item: listing.item,
        title: listing.title,
        author: listing.author,
        topic: listing.topic,
        cost: listing.cost,
        stock: listing.stock,
        seq,
    }
}

struct Recorder {
    seq: Seq,
    at: Timestamp,
}

impl Recorder {
    fn set(&mut self, book: &Book, before: Stock) -> Entry {
        self.record(Kind::Set, book, before, book.stock)
    }

    fn withdraw(&mut self, book: &Book) -> Entry {
        self.record(Kind::Withdrawn, book, book.stock, Stock::ZERO)
    }

    fn record(&mut self, kind: Kind, book: &Book, before: Stock, after: Stock) -> Entry {
        self.seq = self.seq.next();
        Entry {
            seq: self.seq,
            at: self.at,
            kind,
            item: book.item,
            quantity: None,
            change: before.difference_to(after),
            stock_after: Some(after),
            order: None,
            unit_cost: Some(book.cost),
            reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::catalog_file;

    fn listings(text: &str) -> Vec<CatalogRow> {
        catalog_file::parse(text.as_bytes(), "books.csv".as_ref()).unwrap()
    }

    fn between(before: &CatalogDiff, text: &str, withdraws: bool) -> CatalogDiff {
        let head = Seq(before.entries.len() as u64);
        CatalogDiff::between(
            head,
            &before.books,
            listings(text),
            withdraws,
            Timestamp::from_micros(0),
        )
    }

    const BOOKS: &str = "1,A,5,10,t\n2,B,6,20,t\n3,C,7,30,t,X\n";

    fn told(changes: &CatalogDiff) -> Vec<(Kind, u32, i64, Option<u32>)> {
        let told = changes.entries.iter();
        told.map(|entry| {
            let after = entry.stock_after.map(Stock::get);
            (entry.kind, entry.item.get(), entry.change, after)
        })
        .collect()
    }

    #[test]
    fn every_book_of_a_fresh_store_is_set() {
        let changes = between(&CatalogDiff::default(), BOOKS, false);
        assert_eq!(
            told(&changes),
            [
                (Kind::Set, 1, 5, Some(5)),
                (Kind::Set, 2, 6, Some(6)),
                (Kind::Set, 3, 7, Some(7))
            ]
        );
        assert_eq!(
            changes.books.iter().map(|book| book.seq.0).collect::<Vec<_>>(),
            [1, 2, 3]
        );
    }

    #[test]
    fn the_same_file_again_changes_nothing() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let changes = between(&before, BOOKS, true);
        assert_eq!((changes.entries, changes.books), (Vec::new(), before.books));
    }

    #[test]
    fn a_difference_in_any_column_is_a_set_and_an_absent_book_stays() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let changes = between(&before, "3,C,7,30,t\n1,A,5,11,t\n4,D,0,1,u\n", false);
        assert_eq!(
            told(&changes),
            [
                (Kind::Set, 3, 0, Some(7)),
                (Kind::Set, 1, 0, Some(5)),
                (Kind::Set, 4, 0, Some(0))
            ]
        );
        let seqs: Vec<_> = changes.books.iter().map(|book| (book.item.get(), book.seq.0)).collect();
        assert_eq!((seqs, changes.kept), (vec![(3, 4), (1, 5), (4, 6), (2, 2)], 1));
    }

    #[test]
    fn an_absent_book_is_withdrawn_where_the_file_replaces_the_catalog() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let changes = between(&before, "2,B,4,20,t\n", true);
        assert_eq!(
            told(&changes),
            [
                (Kind::Withdrawn, 1, -5, Some(0)),
                (Kind::Withdrawn, 3, -7, Some(0)),
                (Kind::Set, 2, -2, Some(4))
            ]
        );
        assert_eq!((changes.books.len(), changes.kept), (1, 0));
    }
}

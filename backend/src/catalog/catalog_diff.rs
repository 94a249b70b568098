//! The entries that turn the books of a store into those of a catalog file.

use std::collections::{HashMap, HashSet};

use common::text::normalize_name;
use common::wire::Book;
use common::{Entry, ItemNumber, Kind, Seq, Stock, Timestamp};

use crate::store::catalog_file::CatalogRow;

/// The entries of an import, and the whole catalog after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogDiff {
    /// `withdrawn` for each book that leaves, `set` for each one that is new or differs in any column.
    pub entries: Vec<Entry>,
    /// Every book after the entries: those of the file in its order, then those that only the store has.
    pub books: Vec<Book>,
    /// The number of books that only the store has and that stay.
    pub kept: usize,
}

impl CatalogDiff {
    /// Compares the books as they are after the entry `head` with the rows of a file. A book that the file lacks stays, or
    /// is withdrawn if `withdraws`.
    pub fn between(head: Seq, before: &[Book], rows: Vec<CatalogRow>, withdraws: bool, at: Timestamp) -> Self {
        let mut diff = Self {
            entries: Vec::new(),
            books: Vec::with_capacity(rows.len()),
            kept: 0,
        };
        let in_file: HashSet<ItemNumber> = rows.iter().map(|row| row.item).collect();
        let (shared, absent): (Vec<&Book>, Vec<&Book>) = before.iter().partition(|book| in_file.contains(&book.item));
        let mut entries = EntryBuilder { seq: head, at };
        if withdraws {
            let withdrawn = absent.iter().map(|book| entries.withdraw(book));
            diff.entries.extend(withdrawn);
        }
        let shared: HashMap<ItemNumber, &Book> = shared.into_iter().map(|book| (book.item, book)).collect();
        for row in rows {
            let before = shared.get(&row.item).copied();
            let book = book(row, before.map_or(Seq::ZERO, |before| before.seq));
            if before == Some(&book) {
                diff.books.push(book);
                continue;
            }
            let entry = entries.set(&book, before.map_or(Stock::ZERO, |before| before.stock));
            diff.books.push(Book { seq: entry.seq, ..book });
            diff.entries.push(entry);
        }
        if !withdraws {
            diff.kept = absent.len();
            diff.books.extend(absent.into_iter().cloned());
        }
        diff
    }
}

fn book(row: CatalogRow, seq: Seq) -> Book {
    Book {
        item: row.item,
        title: normalize_name(row.title),
        author: row.author.map(normalize_name),
        topic: normalize_name(row.topic),
        cost: row.cost,
        stock: row.stock,
        seq,
    }
}

/// Numbers the entries.
struct EntryBuilder {
    seq: Seq,
    at: Timestamp,
}

impl EntryBuilder {
    fn set(&mut self, book: &Book, before: Stock) -> Entry {
        self.build(Kind::Set, book, before, book.stock)
    }

    fn withdraw(&mut self, book: &Book) -> Entry {
        self.build(Kind::Withdrawn, book, book.stock, Stock::ZERO)
    }

    fn build(&mut self, kind: Kind, book: &Book, before: Stock, after: Stock) -> Entry {
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

    fn rows(text: &str) -> Vec<CatalogRow> {
        catalog_file::parse(text.as_bytes(), "books.csv".as_ref()).unwrap()
    }

    fn between(before: &CatalogDiff, text: &str, withdraws: bool) -> CatalogDiff {
        let head = Seq(before.entries.len() as u64);
        CatalogDiff::between(head, &before.books, rows(text), withdraws, Timestamp::from_micros(0))
    }

    const BOOKS: &str = "1,A,5,10,t\n2,B,6,20,t\n3,C,7,30,t,X\n";

    fn summary(diff: &CatalogDiff) -> Vec<(Kind, u32, i64, Option<u32>)> {
        let entries = diff.entries.iter();
        entries
            .map(|entry| {
                let after = entry.stock_after.map(Stock::get);
                (entry.kind, entry.item.get(), entry.change, after)
            })
            .collect()
    }

    #[test]
    fn every_book_of_a_fresh_store_is_set() {
        let diff = between(&CatalogDiff::default(), BOOKS, false);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Set, 1, 5, Some(5)),
                (Kind::Set, 2, 6, Some(6)),
                (Kind::Set, 3, 7, Some(7))
            ]
        );
        assert_eq!(diff.books.iter().map(|book| book.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn the_same_file_again_changes_nothing() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let diff = between(&before, BOOKS, true);
        assert_eq!((diff.entries, diff.books), (Vec::new(), before.books));
    }

    #[test]
    fn titles_authors_and_topics_are_set_in_nfc() {
        let decomposed = "1,Cafe\u{301}\u{A0},5,10,re\u{301}cits,Andre\u{301}\n";
        let diff = between(&CatalogDiff::default(), decomposed, false);
        let book = &diff.books[0];
        assert_eq!(
            (book.title.as_str(), book.topic.as_str(), book.author.as_deref()),
            ("Café", "récits", Some("André"))
        );
        for same in [decomposed, "1,Café,5,10,récits,André\n"] {
            assert_eq!(between(&diff, same, false).entries, []);
        }
    }

    #[test]
    fn a_difference_in_any_column_is_a_set_and_an_absent_book_stays() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let diff = between(&before, "3,C,7,30,t\n1,A,5,11,t\n4,D,0,1,u\n", false);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Set, 3, 0, Some(7)),
                (Kind::Set, 1, 0, Some(5)),
                (Kind::Set, 4, 0, Some(0))
            ]
        );
        let seqs: Vec<_> = diff.books.iter().map(|book| (book.item.get(), book.seq.0)).collect();
        assert_eq!((seqs, diff.kept), (vec![(3, 4), (1, 5), (4, 6), (2, 2)], 1));
    }

    #[test]
    fn an_absent_book_is_withdrawn_where_the_file_replaces_the_catalog() {
        let before = between(&CatalogDiff::default(), BOOKS, false);
        let diff = between(&before, "2,B,4,20,t\n", true);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Withdrawn, 1, -5, Some(0)),
                (Kind::Withdrawn, 3, -7, Some(0)),
                (Kind::Set, 2, -2, Some(4))
            ]
        );
        assert_eq!((diff.books.len(), diff.kept), (1, 0));
    }
}

//! The entries that turn the books of a store into those of a catalog file.

use std::collections::{HashMap, HashSet};

use common::text::normalize_name;
use common::wire::Book;
use common::{Entry, GroupPosition, ItemNumber, Kind, Seq, Stock, Timestamp};

use crate::store::catalog_file::CatalogRow;

/// The entries of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogDiff {
    /// A `withdrawn` for each removed book, and a `set` for each book that is new or differs in any column.
    pub entries: Vec<Entry>,
    /// Number of books that only the store has and that are kept.
    pub kept: usize,
    /// Number of books after the entries.
    pub books: usize,
}

impl CatalogDiff {
    /// Compares the books after the entry `head` with the rows of a file. A book that the file lacks is kept, or withdrawn if
    /// `withdraws`.
    pub fn between(head: Seq, before: &[Book], rows: Vec<CatalogRow>, withdraws: bool, at: Timestamp) -> Self {
        let mut diff = Self {
            entries: Vec::new(),
            kept: 0,
            books: rows.len(),
        };
        let in_file: HashSet<ItemNumber> = rows.iter().map(|row| row.item).collect();
        let (shared, absent): (Vec<&Book>, Vec<&Book>) = before.iter().partition(|book| in_file.contains(&book.item));
        if withdraws {
            diff.entries.extend(absent.into_iter().map(|book| withdrawn(book, at)));
        } else {
            diff.kept = absent.len();
            diff.books += diff.kept;
        }
        let shared: HashMap<ItemNumber, &Book> = shared.into_iter().map(|book| (book.item, book)).collect();
        for row in rows {
            let before = shared.get(&row.item).copied();
            let book = row.into_book(before.map_or(Seq::ZERO, |before| before.seq));
            let book = book.map_texts(normalize_name);
            if before != Some(&book) {
                diff.entries.push(set(before, book, at));
            }
        }
        let mut seq = head;
        for entry in &mut diff.entries {
            seq = seq.next();
            entry.seq = seq;
        }
        diff
    }
}

/// A `set` entry; it has the whole description if it changes more than the stock.
fn set(before: Option<&Book>, book: Book, at: Timestamp) -> Entry {
    let is_described = before.is_some_and(|before| {
        let (stock, seq) = (before.stock, before.seq);
        Book {
            stock,
            seq,
            ..book.clone()
        } == *before
    });
    let stock_before = before.map_or(Stock::ZERO, |before| before.stock);
    let entry = entry(Kind::Set, &book, stock_before, book.stock, at);
    if is_described {
        return entry;
    }
    Entry {
        description: Some(Box::new(book.description())),
        title: Some(book.title),
        ..entry
    }
}

fn withdrawn(book: &Book, at: Timestamp) -> Entry {
    entry(Kind::Withdrawn, book, book.stock, Stock::ZERO, at)
}

fn entry(kind: Kind, book: &Book, before: Stock, after: Stock, at: Timestamp) -> Entry {
    Entry {
        seq: Seq::ZERO,
        at,
        kind,
        item: book.item,
        line: GroupPosition::ONLY,
        quantity: None,
        change: before.difference_to(after),
        stock_after: Some(after),
        order: None,
        unit_cost: Some(book.cost),
        reason: None,
        title: None,
        description: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::catalog_file;

    fn rows(text: &str) -> Vec<CatalogRow> {
        catalog_file::parse(text.as_bytes(), "books.csv".as_ref()).unwrap()
    }

    /// Compares with a store whose last entries set these books.
    fn between(before: &[Book], text: &str, withdraws: bool) -> CatalogDiff {
        let head = Seq(before.len() as u64);
        CatalogDiff::between(head, before, rows(text), withdraws, Timestamp::from_micros(0))
    }

    const BOOKS: &str = "1,A,5,10,t\n2,B,6,20,t\n3,C,7,30,t,X\n";

    fn books() -> Vec<Book> {
        let diff = between(&[], BOOKS, false);
        diff.entries.iter().filter_map(Entry::described).collect()
    }

    fn summary(diff: &CatalogDiff) -> Vec<(Kind, u64, i64, Option<u32>)> {
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
        let diff = between(&[], BOOKS, false);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Set, 1, 5, Some(5)),
                (Kind::Set, 2, 6, Some(6)),
                (Kind::Set, 3, 7, Some(7))
            ]
        );
        let set: Vec<_> = books().iter().map(|book| (book.seq.0, book.author.clone())).collect();
        assert_eq!(set, [(1, None), (2, None), (3, Some("X".into()))]);
    }

    #[test]
    fn the_same_file_again_changes_nothing() {
        let diff = between(&books(), BOOKS, true);
        assert_eq!((diff.entries, diff.books), (Vec::new(), 3));
    }

    #[test]
    fn titles_authors_and_topics_are_set_in_nfc() {
        let decomposed = "1,Cafe\u{301}\u{A0},5,10,re\u{301}cits,Andre\u{301}\n";
        let diff = between(&[], decomposed, false);
        let book = diff.entries[0].described().unwrap();
        assert_eq!(
            (book.title.as_str(), book.topic.as_str(), book.author.as_deref()),
            ("Café", "récits", Some("André"))
        );
        for same in [decomposed, "1,Café,5,10,récits,André\n"] {
            assert_eq!(between(std::slice::from_ref(&book), same, false).entries, []);
        }
    }

    #[test]
    fn a_difference_in_any_column_is_a_set_and_an_absent_book_stays() {
        let diff = between(&books(), "3,C,7,30,t\n1,A,5,11,t\n4,D,0,1,u\n", false);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Set, 3, 0, Some(7)),
                (Kind::Set, 1, 0, Some(5)),
                (Kind::Set, 4, 0, Some(0))
            ]
        );
        let seqs: Vec<_> = diff
            .entries
            .iter()
            .filter_map(Entry::described)
            .map(|book| book.seq.0)
            .collect();
        assert_eq!((seqs, diff.kept, diff.books), (vec![4, 5, 6], 1, 4));
    }

    #[test]
    fn an_absent_book_is_withdrawn_where_the_file_replaces_the_catalog() {
        let diff = between(&books(), "2,B,4,20,t\n", true);
        assert_eq!(
            summary(&diff),
            [
                (Kind::Withdrawn, 1, -5, Some(0)),
                (Kind::Withdrawn, 3, -7, Some(0)),
                (Kind::Set, 2, -2, Some(4))
            ]
        );
        assert_eq!((diff.books, diff.kept), (1, 0));
        assert!(
            diff.entries.iter().all(|entry| entry.title.is_none()),
            "only a stock changes"
        );
    }
}

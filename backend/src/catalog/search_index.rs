//! The books by number, topic and word, without their stocks.
//!
//! A clone of an index increments a few reference counts, and a change of one book copies only the affected chunks. So readers
//! search a clone without a lock while the ledger thread changes the index.

mod build;
mod chunks;
mod postings;
mod word_search;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::text::fold;
use common::wire::{Book, TopicCount};
use common::{ArcStr, Cost, Description, ItemNumber, Seq, Stock};

use self::chunks::Chunks;
use self::postings::Postings;
use self::word_search::Word;
pub use self::word_search::WordCursor;

/// The position of a book in arrays beside the index: fixed while the book exists, and never reused.
pub type BookIdx = usize;

/// A book without its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookMeta {
    /// The item number.
    pub item: ItemNumber,
    /// The title.
    pub title: ArcStr,
    /// The topic and the author.
    pub description: Description,
    /// The price of one copy.
    pub cost: Cost,
}

impl From<Book> for BookMeta {
    fn from(book: Book) -> Self {
        Self {
            item: book.item,
            description: book.description(),
            title: book.title,
            cost: book.cost,
        }
    }
}

impl BookMeta {
    /// The book with its stock; `seq` is the entry that changed it last.
    pub fn with_stock(&self, stock: Stock, seq: Seq) -> Book {
        let Self {
            item,
            title,
            description,
            cost,
        } = self.clone();
        Book::new(item, title, description, cost, stock, seq)
    }
}

#[derive(Debug, Clone)]
struct IndexedBook {
    idx: BookIdx,
    meta: BookMeta,
}

#[derive(Debug, Clone)]
struct Topic {
    folded: Arc<str>,
    /// The spelling in the book with the lowest item number.
    spelling: ArcStr,
    books: Postings,
}

/// One page of a search.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<C> {
    /// The books of the page.
    pub books: Vec<ItemNumber>,
    /// The cursor of the last one, if more follow.
    pub next: Option<C>,
}

impl<C> Found<C> {
    /// The first `limit` results. `results` is ordered by cursor.
    fn first_page(mut results: impl Iterator<Item = (C, ItemNumber)>, limit: usize) -> Self {
        let (mut books, mut last) = (Vec::new(), None);
        for (cursor, item) in results.by_ref().take(limit) {
            books.push(item);
            last = Some(cursor);
        }
        Self {
            books,
            next: last.filter(|_| results.next().is_some()),
        }
    }
}

/// All books.
#[derive(Debug, Clone, Default)]
pub struct SearchIndex {
    /// By item number.
    books: Chunks<IndexedBook>,
    book_count: usize,
    /// The number of books that ever existed: the next book's index.
    idx_count: BookIdx,
    /// By folded spelling.
    topics: Chunks<Topic>,
    /// By word, then by field.
    words: Chunks<Word>,
}

impl SearchIndex {
    /// Adds a book, or replaces the one with its number. Returns its index: the existing one, or a new one.
    pub fn upsert(&mut self, book: BookMeta) -> BookIdx {
        let item = book.item;
        let before = self.find(item).cloned();
        let idx = before.as_ref().map_or(self.idx_count, |before| before.idx);
        if before.is_none() {
            self.idx_count += 1;
            self.book_count += 1;
        }
        let after = book.clone();
        let indexed = IndexedBook { idx, meta: book };
        self.books.update(|other| other.meta.item.cmp(&item), |_| Some(indexed));
        self.reindex(item, before.as_ref().map(|before| &before.meta), Some(&after));
        idx
    }

    /// Removes a book. Returns its former index; `None` if it does not exist.
    pub fn withdraw(&mut self, item: ItemNumber) -> Option<BookIdx> {
        let before = self.find(item)?.clone();
        self.book_count -= 1;
        self.books.update(|other| other.meta.item.cmp(&item), |_| None);
        self.reindex(item, Some(&before.meta), None);
        Some(before.idx)
    }

    /// The number of books.
    pub fn book_count(&self) -> usize {
        self.book_count
    }

    /// The index of the book with a number, and the book.
    pub fn get(&self, item: ItemNumber) -> Option<(BookIdx, &BookMeta)> {
        self.find(item).map(|book| (book.idx, &book.meta))
    }

    /// All books with their indexes, by item number.
    pub fn iter(&self) -> impl Iterator<Item = (BookIdx, &BookMeta)> {
        self.books.iter().map(|book| (book.idx, &book.meta))
    }

    /// All topics, in alphabetical order of their folded spelling.
    pub fn topics(&self) -> Vec<TopicCount> {
        self.topics
            .iter()
            .map(|topic| TopicCount {
                topic: topic.spelling.to_string(),
                books: topic.books.len() as u64,
            })
            .collect()
    }

    /// The books of a topic after an item number, by item number.
    pub fn find_topic(&self, topic: &str, after: Option<ItemNumber>, limit: usize) -> Found<ItemNumber> {
        let folded = fold(topic);
        let found = self.topics.get(|topic| (*topic.folded).cmp(&folded));
        let items = found.into_iter().flat_map(|topic| topic.books.iter_after(after));
        Found::first_page(items.map(|item| (item, item)), limit)
    }

    fn find(&self, item: ItemNumber) -> Option<&IndexedBook> {
        self.books.get(|book| book.meta.item.cmp(&item))
    }

    /// Updates words and topics after a change of a book from `before` to `after`. `books` is already changed.
    fn reindex(&mut self, item: ItemNumber, before: Option<&BookMeta>, after: Option<&BookMeta>) {
        self.reindex_words(item, before, after);
        let topic = |book: &BookMeta| (fold(&book.description.topic), book.description.topic.clone());
        let (before, after) = (before.map(topic), after.map(topic));
        if before == after {
            return;
        }
        let folds = BTreeSet::from_iter([&before, &after].into_iter().flatten().map(|(folded, _)| folded));
        for folded in folds {
            let order = |topic: &Topic| (*topic.folded).cmp(folded);
            let known = self.topics.get(order);
            let books = known.map(|topic| &topic.books);
            let is_in = after.as_ref().is_some_and(|(after, _)| after == folded);
            let books = match is_in {
                true => Some(Postings::with(books, item)),
                false => Postings::without(books, item),
            };
            let changed = books.and_then(|books| {
                let (_, first) = self.get(books.first()?)?;
                Some(Topic {
                    folded: known.map_or_else(|| folded.as_str().into(), |topic| Arc::clone(&topic.folded)),
                    spelling: first.description.topic.clone(),
                    books,
                })
            });
            self.topics.update(order, |_| changed);
        }
    }
}

#[cfg(test)]
mod tests;

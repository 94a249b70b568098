//! The books by number, topic and word, without their stocks. An index is never changed, only replaced, so that a search
//! holds no lock, however many books there are.

use std::collections::BTreeMap;

use common::wire::{Book, TopicCount};
use common::{ArcStr, Cost, ItemNumber, Seq, Stock};

/// The index of a book in the order of item numbers.
pub type BookIdx = usize;

/// A book without its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookMeta {
    /// The item number.
    pub item: ItemNumber,
    /// The title.
    pub title: ArcStr,
    /// The author, where known.
    pub author: Option<ArcStr>,
    /// The topic.
    pub topic: ArcStr,
    /// The price of one copy.
    pub cost: Cost,
}

impl From<Book> for BookMeta {
    fn from(book: Book) -> Self {
        let Book {
            item,
            title,
            author,
            topic,
            cost,
            stock: _,
            seq: _,
        } = book;
        Self {
            item,
            title,
            author,
            topic,
            cost,
        }
    }
}

impl BookMeta {
    /// The whole book; `seq` is the entry that changed it last.
    pub fn with_stock(&self, stock: Stock, seq: Seq) -> Book {
        let Self {
            item,
            title,
            author,
            topic,
            cost,
        } = self.clone();
        Book {
            item,
            title,
            author,
            topic,
            cost,
            stock,
            seq,
        }
    }
}

/// The field of a book in which a word is found; the better match comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Title,
    Author,
    Topic,
}

impl Field {
    const ALL: [Self; 3] = [Self::Title, Self::Author, Self::Topic];
}

#[derive(Debug)]
struct Topic {
    spelling: ArcStr,
    books: Vec<BookIdx>,
}

/// One page of a search.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<C> {
    /// The books of the page.
    pub books: Vec<BookIdx>,
    /// The cursor of the last one, if more follow.
    pub next: Option<C>,
}

/// A position in the results of a word search: the rank of the match, then the item number.
pub type WordCursor = (u8, ItemNumber);

/// All books.
#[derive(Debug, Default)]
pub struct SearchIndex {
    books: Vec<BookMeta>,
    /// By folded spelling.
    topics: BTreeMap<String, Topic>,
    /// By folded word.
    words: BTreeMap<String, Vec<(BookIdx, Field)>>,
}

impl SearchIndex {
    /// Indexes books with different item numbers, in any order.
    pub fn new(mut books: Vec<BookMeta>) -> Self {
        books.sort_unstable_by_key(|book| book.item);
        let mut topics = BTreeMap::<String, Topic>::new();
        let mut words = BTreeMap::<String, Vec<(BookIdx, Field)>>::new();
        for (idx, book) in books.iter().enumerate() {
            topics
                .entry(fold(&book.topic))
                .or_insert_with(|| Topic {
                    spelling: book.topic.clone(),
                    books: Vec::new(),
                })
                .books
                .push(idx);
            for field in Field::ALL {
                let text = match field {
                    Field::Title => Some(&book.title),
                    Field::Author => book.author.as_ref(),
                    Field::Topic => Some(&book.topic),
                };
                for word in text.into_iter().flat_map(|text| split_words(text)) {
                    words.entry(word).or_default().push((idx, field));
                }
            }
        }
        Self { books, topics, words }
    }

    /// The number of books.
    pub fn book_count(&self) -> usize {
        self.books.len()
    }

    /// The index of the book with a number.
    pub fn idx(&self, item: ItemNumber) -> Option<BookIdx> {
        self.books.binary_search_by_key(&item, |book| book.item).ok()
    }

    /// The book at an index.
    pub fn meta(&self, idx: BookIdx) -> Option<&BookMeta> {
        self.books.get(idx)
    }

    /// All topics, in alphabetical order without regard to case.
    pub fn topics(&self) -> Vec<TopicCount> {
        self.topics
            .values()
            .map(|topic| TopicCount {
                topic: topic.spelling.to_string(),
                books: topic.books.len() as u64,
            })
            .collect()
    }

    /// The books of a topic after an item number, by item number.
    pub fn find_topic(&self, topic: &str, after: Option<ItemNumber>, limit: usize) -> Found<ItemNumber> {
        let books = self.topics.get(&fold(topic)).map_or(&[][..], |topic| &topic.books);
        let cursor = |&idx: &BookIdx| self.meta(idx).map(|book| book.item);
        let (page, next) = page(books, cursor, after, limit);
        Found {
            books: page.to_vec(),
            next,
        }
    }

    /// The books in which every word of the query is the prefix of a word: matches in titles before matches in authors
    /// before matches in topics (the worst of the query's words counts), then by item number. An empty query matches every
    /// book.
    pub fn find_words(&self, query: &str, after: Option<WordCursor>, limit: usize) -> Found<WordCursor> {
        let mut matches: Vec<(Field, BookIdx)> = match self.match_words(query) {
            Some(matches) => matches.into_iter().map(|(idx, field)| (field, idx)).collect(),
            None if query.trim().is_empty() => (0..self.books.len()).map(|idx| (Field::Title, idx)).collect(),
            None => Vec::new(),
        };
        matches.sort_unstable();
        let cursor = |&(field, idx): &(Field, BookIdx)| self.meta(idx).map(|book| (field as u8, book.item));
        let (page, next) = page(&matches, cursor, after, limit);
        Found {
            books: page.iter().map(|&(_, idx)| idx).collect(),
            next,
        }
    }

    /// Each book that matches all words. A word counts with its best field, a book with its worst word. `None` if the query
    /// has no words.
    fn match_words(&self, query: &str) -> Option<BTreeMap<BookIdx, Field>> {
        let mut matches: Option<BTreeMap<BookIdx, Field>> = None;
        for prefix in split_words(query) {
            let mut best = BTreeMap::new();
            let words = self
                .words
                .range(prefix.clone()..)
                .take_while(|(word, _)| word.starts_with(&prefix));
            for &(idx, field) in words.flat_map(|(_, occurrences)| occurrences) {
                best.entry(idx)
                    .and_modify(|known: &mut Field| *known = field.min(*known))
                    .or_insert(field);
            }
            matches = Some(match matches {
                None => best,
                Some(mut matches) => {
                    matches.retain(|idx, worst| best.get(idx).map(|&field| *worst = field.max(*worst)).is_some());
                    matches
                }
            });
        }
        matches
    }
}

/// The results after a cursor, at most `limit`, and the cursor of the last one if more follow. `sorted` is in the order of
/// the cursors.
fn page<T, C: Ord + Copy>(
    sorted: &[T],
    cursor: impl Fn(&T) -> Option<C>,
    after: Option<C>,
    limit: usize,
) -> (&[T], Option<C>) {
    let start = sorted.partition_point(|result| cursor(result) <= after);
    let rest = sorted.get(start..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let next = page.last().filter(|_| rest.len() > limit).and_then(cursor);
    (page, next)
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn split_words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests;

//! Builds an index of many books at once, which is much faster than adding them one by one.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use ahash::RandomState;
use common::ItemNumber;
use common::text::{fold, for_each_index_word};

use super::chunks::Chunks;
use super::postings::Postings;
use super::word_search::{Field, Word};
use super::{BookMeta, IndexedBook, SearchIndex, Topic};

impl SearchIndex {
    /// Indexes books with different item numbers, in any order. A book's index is its position in the order of item numbers.
    pub fn new(books: Vec<BookMeta>) -> Self {
        Self::without_texts(books).with_texts()
    }

    /// An index by number only, without topics and words.
    pub(in crate::catalog) fn without_texts(mut books: Vec<BookMeta>) -> Self {
        books.sort_unstable_by_key(|book| book.item);
        let (book_count, indexed) = (books.len(), books.into_iter().enumerate());
        Self {
            book_count,
            idx_count: book_count,
            books: indexed.map(|(idx, meta)| IndexedBook { idx, meta }).collect(),
            ..Self::default()
        }
    }

    /// The same books, also indexed by topics and words.
    #[must_use]
    pub(in crate::catalog) fn with_texts(&self) -> Self {
        Self {
            topics: self.index_topics(),
            words: self.index_words(),
            ..self.clone()
        }
    }

    fn index_topics(&self) -> Chunks<Topic> {
        let mut lists = Lists::default();
        let mut by_spelling = HashMap::<&str, usize, RandomState>::default();
        for (_, book) in self.iter() {
            let spelling = &book.description.topic;
            let number = by_spelling
                .entry(spelling)
                .or_insert_with(|| lists.number(&fold(spelling)));
            lists.add(*number, book.item);
        }
        let topics = lists.into_postings().filter_map(|(folded, books)| {
            let (_, first) = self.get(books.first()?)?;
            let spelling = first.description.topic.clone();
            Some(Topic {
                folded,
                spelling,
                books,
            })
        });
        let mut topics: Vec<Topic> = topics.collect();
        topics.sort_unstable_by(|topic, other| topic.folded.cmp(&other.folded));
        topics.into_iter().collect()
    }

    fn index_words(&self) -> Chunks<Word> {
        // The titles take as long as the other fields together.
        let lists = thread::scope(|scope| {
            let lists = Field::ALL.map(|field| (field, scope.spawn(move || self.words_in(field))));
            lists.map(|(field, lists)| (field, lists.join().unwrap_or_else(|panic| resume_unwind(panic))))
        });
        let mut words = Vec::new();
        for (field, lists) in lists {
            words.extend(lists.into_postings().map(|(word, books)| Word { word, field, books }));
        }
        words.sort_unstable_by(|word, other| (&word.word, word.field).cmp(&(&other.word, other.field)));
        words.into_iter().collect()
    }

    fn words_in(&self, field: Field) -> Lists {
        let mut lists = Lists::default();
        // Many books share an author or a topic, few a title.
        let mut known = HashMap::<&str, Vec<usize>, RandomState>::default();
        let mut of_title = Vec::new();
        for (_, book) in self.iter() {
            let Some(text) = book.text(field) else { continue };
            of_title.clear();
            let numbers = match field {
                Field::Title => &mut of_title,
                _ => known.entry(text).or_default(),
            };
            if numbers.is_empty() {
                for_each_index_word(text, |word| numbers.push(lists.number(word)));
            }
            numbers.iter().for_each(|&number| lists.add(number, book.item));
        }
        lists
    }
}

/// Lists of books by text. Books are added in order.
#[derive(Default)]
struct Lists {
    numbers: HashMap<Arc<str>, usize, RandomState>,
    books: Vec<Vec<ItemNumber>>,
}

impl Lists {
    /// The number of a text's list; adds an empty list for a new text.
    fn number(&mut self, text: &str) -> usize {
        match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = self.books.len();
                self.numbers.insert(text.into(), number);
                self.books.push(Vec::new());
                number
            }
        }
    }

    /// Adds a book to a list, unless it is its last one.
    fn add(&mut self, number: usize, item: ItemNumber) {
        if let Some(list) = self.books.get_mut(number)
            && list.last() != Some(&item)
        {
            list.push(item);
        }
    }

    /// Each text with its books, in any order.
    fn into_postings(mut self) -> impl Iterator<Item = (Arc<str>, Postings)> {
        self.numbers.into_iter().filter_map(move |(text, number)| {
            let books = std::mem::take(self.books.get_mut(number)?);
            Some((text, Postings::from_sorted(&books)?))
        })
    }
}

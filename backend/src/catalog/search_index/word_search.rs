//! Search by words.

use std::collections::BTreeSet;
use std::sync::Arc;

use common::text::{for_each_index_word, query_words};
use common::{ArcStr, Description, ItemNumber};

use super::postings::Postings;
use super::{BookMeta, Found, SearchIndex};

/// The quality of a match; 0 is the best. Titles rank before authors, and authors before topics; within a field, whole words
/// rank before prefixes.
type Rank = u8;

/// A position in the results of a word search: the rank of the match, then the item number.
pub type WordCursor = (Rank, ItemNumber);

/// The field of a book in which a word is found, in the order of ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Title,
    Author,
    Topic,
}

impl Field {
    pub(super) const ALL: [Self; 3] = [Self::Title, Self::Author, Self::Topic];
}

/// A word and the books that have it in a field.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) word: Arc<str>,
    pub(super) field: Field,
    pub(super) books: Postings,
}

impl Word {
    fn rank(&self, query: &str) -> Rank {
        2 * self.field as Rank + Rank::from(*self.word != *query)
    }
}

impl BookMeta {
    pub(super) fn text(&self, field: Field) -> Option<&ArcStr> {
        let Description { topic, author } = &self.description;
        match field {
            Field::Title => Some(&self.title),
            Field::Author => author.as_ref(),
            Field::Topic => Some(topic),
        }
    }

    fn words(&self) -> BTreeSet<(String, Field)> {
        let mut words = BTreeSet::new();
        for field in Field::ALL {
            for_each_index_word(self.text(field).map_or("", ArcStr::as_str), |word| {
                words.insert((word.to_owned(), field));
            });
        }
        words
    }
}

impl SearchIndex {
    /// The books in which every word of the query is the prefix of a word, by rank and then by item number. The rank of a word
    /// is that of its best match, and the rank of a book is that of its worst word. A blank query matches every book.
    pub fn find_words(&self, query: &str, after: Option<WordCursor>, limit: usize) -> Found<WordCursor> {
        if query.trim().is_empty() {
            let books = self
                .books
                .iter_from(|book| after.is_some_and(|(_, after)| book.meta.item <= after));
            return Found::first_page(books.map(|book| ((0, book.meta.item), book.meta.item)), limit);
        }
        let matches = self.match_words(&query_words(query)).into_iter();
        let mut matches: Vec<WordCursor> = matches.map(|(item, rank)| (rank, item)).collect();
        matches.retain(|&found| Some(found) > after);
        if matches.len() > limit {
            matches.select_nth_unstable(limit);
            matches.truncate(limit + 1);
        }
        matches.sort_unstable();
        Found::first_page(matches.into_iter().map(|(rank, item)| ((rank, item), item)), limit)
    }

    /// The books that match all words, by item number; none if `words` is empty.
    fn match_words(&self, words: &[String]) -> Vec<(ItemNumber, Rank)> {
        let Some((first, others)) = words.split_first() else {
            return Vec::new();
        };
        let mut matches = self.match_word(first);
        for word in others {
            if matches.is_empty() {
                break;
            }
            let matching = self.match_word(word);
            let mut rest = matching.as_slice();
            matches.retain_mut(|(item, worst)| {
                rest = &rest[rest.partition_point(|(other, _)| other < item)..];
                let found = rest.first().filter(|(other, _)| other == item);
                found.is_some_and(|&(_, rank)| {
                    *worst = rank.max(*worst);
                    true
                })
            });
        }
        matches
    }

    /// The books that have a word with this prefix, by item number, each with the rank of its best match.
    fn match_word(&self, prefix: &str) -> Vec<(ItemNumber, Rank)> {
        let mut matches = Vec::new();
        let words = self.words.iter_from(|word| *word.word < *prefix);
        for word in words.take_while(|word| word.word.starts_with(prefix)) {
            let rank = word.rank(prefix);
            matches.extend(word.books.iter_after(None).map(|item| (item, rank)));
        }
        // A stable sort takes advantage of the order within each word.
        matches.sort();
        matches.dedup_by_key(|(item, _)| *item);
        matches
    }

    /// Replaces the words of a book.
    pub(super) fn reindex_words(&mut self, item: ItemNumber, before: Option<&BookMeta>, after: Option<&BookMeta>) {
        let words = |book: Option<&BookMeta>| book.map(BookMeta::words).unwrap_or_default();
        let (before, after) = (words(before), words(after));
        for key in before.symmetric_difference(&after) {
            let (word, field) = (key.0.as_str(), key.1);
            self.words.update(
                |other| (&*other.word, other.field).cmp(&(word, field)),
                |known| {
                    let books = known.map(|known| &known.books);
                    let books = match after.contains(key) {
                        true => Some(Postings::with(books, item)),
                        false => Postings::without(books, item),
                    };
                    let word = known.map_or_else(|| word.into(), |known| Arc::clone(&known.word));
                    books.map(|books| Word { word, field, books })
                },
            );
        }
    }
}

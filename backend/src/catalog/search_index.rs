//! The books by number, topic and word: everything about them but their stock. Never changed, only replaced, so that a
//! search needs no lock however many books there are.

use std::collections::BTreeMap;

use common::wire::{Book, TopicCount};
use common::{Cost, ItemNumber, Seq, Stock};

/// The place of a book on the shelves, in the order of their numbers.
pub type BookIdx = usize;

/// A book without its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookMeta {
    /// Its number.
    pub item: ItemNumber,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its topic.
    pub topic: String,
    /// What one copy costs.
    pub cost: Cost,
}

impl BookMeta {
    /// The book with its stock.
    pub fn book(&self, stock: Stock, seq: Seq) -> Book {
        Book {
            item: self.item,
            title: self.title.clone(),
            author: self.author.clone(),
            topic: self.topic.clone(),
            cost: self.cost,
            stock,
            seq,
        }
    }
}

/// Where a word stands; earlier ones are the better find.
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
    spelling: String,
    places: Vec<BookIdx>,
}

/// Places found, and the place in the order of finds after which the next page begins, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<C> {
    /// The places of the books on this page.
    pub places: Vec<BookIdx>,
    /// The last one's mark, if there are more.
    pub next: Option<C>,
}

/// A find's mark: how good it is, and which book.
pub type WordCursor = (u8, ItemNumber);

/// All books.
#[derive(Debug, Default)]
pub struct SearchIndex {
    titles: Vec<BookMeta>,
    /// By folded spelling.
    topics: BTreeMap<String, Topic>,
    /// Every folded word, with the places where it stands.
    words: BTreeMap<String, Vec<(BookIdx, Field)>>,
}

impl SearchIndex {
    /// Puts books on shelves; their order does not matter, their numbers differ.
    pub fn new(mut titles: Vec<BookMeta>) -> Self {
        titles.sort_unstable_by_key(|title| title.item);
        let mut topics = BTreeMap::<String, Topic>::new();
        let mut words = BTreeMap::<String, Vec<(BookIdx, Field)>>::new();
        for (place, title) in titles.iter().enumerate() {
            topics
                .entry(fold(&title.topic))
                .or_insert_with(|| Topic {
                    spelling: title.topic.clone(),
                    places: Vec::new(),
                })
                .places
                .push(place);
            for field in Field::ALL {
                let text = match field {
                    Field::Title => Some(&title.title),
                    Field::Author => title.author.as_ref(),
                    Field::Topic => Some(&title.topic),
                };
                for word in text.into_iter().flat_map(|text| words_of(text)) {
                    words.entry(word).or_default().push((place, field));
                }
            }
        }
        Self { titles, topics, words }
    }

    /// How many books there are.
    pub fn count(&self) -> usize {
        self.titles.len()
    }

    /// Where the book of that number stands.
    pub fn idx(&self, item: ItemNumber) -> Option<BookIdx> {
        self.titles.binary_search_by_key(&item, |title| title.item).ok()
    }

    /// The book at a place.
    pub fn meta(&self, place: BookIdx) -> Option<&BookMeta> {
        self.titles.get(place)
    }

    /// All topics, in alphabetical order without regard to case.
    pub fn topics(&self) -> Vec<TopicCount> {
        self.topics
            .values()
            .map(|topic| TopicCount {
                topic: topic.spelling.clone(),
                books: topic.places.len() as u64,
            })
            .collect()
    }

    /// The books of a topic after that one, by number.
    pub fn in_topic(&self, topic: &str, after: Option<ItemNumber>, limit: usize) -> Found<ItemNumber> {
        let places = self.topics.get(&fold(topic)).map_or(&[][..], |topic| &topic.places);
        let item = |place: BookIdx| self.meta(place).map(|title| title.item);
        let start = places.partition_point(|&place| item(place) <= after);
        let rest = places.get(start..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        Found {
            places: page.to_vec(),
            next: page.last().filter(|_| rest.len() > limit).and_then(|&last| item(last)),
        }
    }

    /// The books in which every word of the query begins a word: finds in titles before finds in authors before finds in
    /// topics (the worst of its words counts), then by number. An empty query finds every book.
    pub fn with_words(&self, query: &str, after: Option<WordCursor>, limit: usize) -> Found<WordCursor> {
        let mut finds: Vec<(Field, BookIdx)> = match self.finds(query) {
            Some(finds) => finds.into_iter().map(|(place, field)| (field, place)).collect(),
            None if query.trim().is_empty() => (0..self.titles.len()).map(|place| (Field::Title, place)).collect(),
            None => Vec::new(),
        };
        finds.sort_unstable();
        let mark = |&(field, place): &(Field, BookIdx)| self.meta(place).map(|title| (field as u8, title.item));
        let start = finds.partition_point(|find| mark(find) <= after);
        let rest = finds.get(start..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        Found {
            places: page.iter().map(|&(_, place)| place).collect(),
            next: page.last().filter(|_| rest.len() > limit).and_then(mark),
        }
    }

    /// Each book that has all words, with the worst of the fields in which they were found best; none without words.
    fn finds(&self, query: &str) -> Option<BTreeMap<BookIdx, Field>> {
        let mut all: Option<BTreeMap<BookIdx, Field>> = None;
        for word in words_of(query) {
            let mut best = BTreeMap::new();
            let prefixed = self
                .words
                .range(word.clone()..)
                .take_while(|(found, _)| found.starts_with(&word));
            for &(place, field) in prefixed.flat_map(|(_, stands)| stands) {
                best.entry(place)
                    .and_modify(|known: &mut Field| *known = field.min(*known))
                    .or_insert(field);
            }
            all = Some(match all {
                None => best,
                Some(mut so_far) => {
                    so_far.retain(|place, worst| best.get(place).map(|&field| *worst = field.max(*worst)).is_some());
                    so_far
                }
            });
        }
        all
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64) -> ItemNumber {
        ItemNumber::try_from(number).unwrap()
    }

    fn title(number: u64, title: &str, author: &str, topic: &str) -> BookMeta {
        BookMeta {
            item: item(number),
            title: title.to_owned(),
            author: (!author.is_empty()).then(|| author.to_owned()),
            topic: topic.to_owned(),
            cost: Cost::default(),
        }
    }

    fn shelves() -> SearchIndex {
        SearchIndex::new(vec![
            title(7, "Emma", "Jane Austen", "Romance"),
            title(2, "Persuasion", "Jane Austen", "romance"),
            title(3, "Jane Eyre", "Charlotte Brontë", "Romance"),
            title(4, "The Time Machine", "H. G. Wells", "science fiction"),
        ])
    }

    fn items(shelves: &SearchIndex, places: &[BookIdx]) -> Vec<u32> {
        places
            .iter()
            .map(|&place| shelves.meta(place).unwrap().item.get())
            .collect()
    }

    #[test]
    fn topics_are_one_whatever_their_case_and_the_lowest_number_spells_them() {
        let topics = shelves().topics();
        let found: Vec<_> = topics.iter().map(|topic| (topic.topic.as_str(), topic.books)).collect();
        assert_eq!(found, [("romance", 3), ("science fiction", 1)]);
    }

    #[test]
    fn a_topic_is_paged_by_number_without_gap_or_overlap() {
        let shelves = shelves();
        let first = shelves.in_topic("ROMANCE", None, 2);
        assert_eq!(
            (items(&shelves, &first.places), first.next),
            (vec![2, 3], Some(item(3)))
        );
        let second = shelves.in_topic("romance", first.next, 2);
        assert_eq!((items(&shelves, &second.places), second.next), (vec![7], None));
        assert_eq!(
            shelves.in_topic("poetry", None, 2),
            Found {
                places: vec![],
                next: None
            }
        );
    }

    #[test]
    fn words_find_titles_before_authors_before_topics() {
        let shelves = shelves();
        let found = |query: &str| items(&shelves, &shelves.with_words(query, None, 50).places);
        assert_eq!(found("jane"), [3, 2, 7]);
        assert_eq!(found("JAN aus"), [2, 7]);
        assert_eq!(found("brontë eyre"), [3]);
        assert_eq!(found("rom e"), [3, 7]);
        assert_eq!(found("h.g. time"), [4]);
        assert_eq!(found("  "), [2, 3, 4, 7]);
        assert!(found("zebra").is_empty() && found("!").is_empty());
    }

    #[test]
    fn finds_are_paged_without_gap_or_overlap() {
        let shelves = shelves();
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let page = shelves.with_words("jane", after, 1);
            all.extend(items(&shelves, &page.places));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, [3, 2, 7]);
    }
}

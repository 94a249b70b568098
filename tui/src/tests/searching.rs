//! The search: best match first over the whole shop, in a stable order, with the letters that match marked.

use std::path::Path;

use backend::store::catalog_file;
use common::Seq;
use common::wire::{Book, BookPage, TopicCount, Topics};
use ratatui::style::Modifier;

use super::fixture::Fixture;
use crate::effect::{Effect, Query, Request};
use crate::message::Event;

/// The books of `data/classics.csv`.
fn classics() -> Vec<Book> {
    let file = include_bytes!("../../../data/classics.csv");
    let rows = catalog_file::parse(file, Path::new("classics.csv")).unwrap();
    rows.into_iter().map(|row| row.into_book(Seq(1))).collect()
}

/// A shop with these books; its server finds whole words and their beginnings in titles.
struct Classics {
    shop: Fixture,
    books: Vec<Book>,
    /// Books a topic claims to have, to make the shop too large to be loaded whole.
    claimed: u64,
    searches: Vec<String>,
}

impl Classics {
    fn open(claimed: u64) -> Self {
        let mut shop = Fixture::opened(120, 36);
        shop.send(Event::JournalLoaded(Ok(Default::default())));
        shop.connect();
        let mut classics = Self {
            shop,
            books: classics(),
            claimed,
            searches: Vec::new(),
        };
        classics.answer();
        classics
    }

    fn answer(&mut self) {
        for _ in 0..1_000 {
            let effects = std::mem::take(&mut self.shop.effects);
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Send(Request::Topics) => {
                        let mut topics: Vec<TopicCount> = Vec::new();
                        for book in &self.books {
                            match topics.iter_mut().find(|topic| topic.topic == *book.topic) {
                                Some(topic) => topic.books += 1,
                                None => topics.push(TopicCount {
                                    topic: book.topic.to_string(),
                                    books: 1 + self.claimed,
                                }),
                            }
                        }
                        self.shop.send(Event::TopicsLoaded(Ok(Topics { topics })));
                    }
                    Effect::Send(Request::Page {
                        generation,
                        query,
                        after,
                    }) => {
                        let page = self.page(&query, after.as_deref());
                        self.shop.answer_page(generation, Ok(page), 40);
                    }
                    _ => {}
                }
            }
        }
        panic!("the requests never end");
    }

    fn page(&mut self, query: &Query, after: Option<&str>) -> BookPage {
        let found: Vec<_> = match query {
            Query::Topic(topic) | Query::WholeTopic(topic) => self
                .books
                .iter()
                .filter(|book| *book.topic == **topic)
                .cloned()
                .collect(),
            Query::Search(words) => {
                self.searches.push(words.clone());
                let matches = |book: &&Book| {
                    let title = book.title.to_lowercase();
                    words
                        .split(' ')
                        .all(|word| title.split([' ', '-']).any(|other| other.starts_with(word)))
                };
                self.books.iter().filter(matches).cloned().collect()
            }
        };
        let start: usize = after.map_or(0, |after| after.parse().unwrap());
        let next = (found.len() > start + 100).then(|| (start + 100).to_string());
        BookPage {
            books: found.into_iter().skip(start).take(100).collect(),
            next,
        }
    }

    fn search(&mut self, text: &str) -> Vec<String> {
        self.shop.press("/");
        self.shop.typed(text);
        self.answer();
        self.titles()
    }

    fn titles(&self) -> Vec<String> {
        let app = &self.shop.app;
        let books = app.shop.rows.iter().filter_map(|item| app.books.get(*item));
        books.map(|book| book.title.to_string()).collect()
    }
}

#[test]
fn titles_with_the_word_come_first_then_beginnings_then_authors_then_letters() {
    let titles = Classics::open(0).search("war");
    let words: Vec<_> = titles.iter().take(6).map(String::as_str).collect();
    assert_eq!(
        words,
        [
            "History of the Peloponnesian War",
            "Commentaries on the Gallic War",
            "The War of the Worlds",
            "The Art of War",
            "On War",
            "War and Peace"
        ]
    );
    let at = |title: &str| titles.iter().position(|found| found == title);
    let (letters, topic) = (at("Howards End"), at("Waverley"));
    assert!(topic > Some(5), "the topic war comes after the titles: {titles:?}");
    assert!(letters > topic, "the letters within a word come last: {titles:?}");
}

#[test]
fn letters_in_the_same_order_find_a_book_anywhere_in_the_shop() {
    let titles = Classics::open(0).search("mbydck");
    assert_eq!(titles.first().map(String::as_str), Some("Moby-Dick; or, The Whale"));
}

#[test]
fn in_a_large_shop_the_server_finds_the_candidates() {
    let mut shop = Classics::open(20_000);
    let titles = shop.search("mbydck");
    assert_eq!(titles.first().map(String::as_str), Some("Moby-Dick; or, The Whale"));
    assert!(shop.searches.iter().any(|words| words == "m"), "{:?}", shop.searches);
    let mut shop = Classics::open(20_000);
    shop.search("war");
    assert_eq!(
        shop.searches,
        ["w", "wa", "war"],
        "whole words need no other candidates"
    );
}

#[test]
fn the_order_is_the_same_whatever_arrives_first_and_the_best_match_stays_selected() {
    let mut shop = Classics::open(0);
    shop.shop.press("/");
    shop.shop.typed("war");
    assert_eq!(shop.shop.app.shop.cursor, 0);
    shop.answer();
    assert_eq!(
        (shop.shop.app.shop.cursor, shop.titles()[0].as_str()),
        (0, "History of the Peloponnesian War")
    );
    let all = shop.titles();
    // A letter more keeps the order of what still matches.
    shop.shop.typed(" a");
    let fewer = shop.titles();
    let kept: Vec<_> = all.iter().filter(|title| fewer.contains(title)).collect();
    let same: Vec<_> = fewer.iter().filter(|title| all.contains(title)).collect();
    assert!(!same.is_empty());
    assert_eq!(kept.len(), same.len());
    // Once it was moved, the selection stays on its book.
    let mut shop = Classics::open(0);
    shop.search("war");
    shop.shop.press("Down Down Enter");
    let selected = shop.shop.app.shop.selected();
    shop.shop.press("r");
    shop.answer();
    assert_eq!(shop.shop.app.shop.selected(), selected);
}

#[test]
fn the_letters_that_match_are_underlined() {
    let mut shop = Classics::open(0);
    shop.search("mbydck");
    let buffer = shop.shop.draw();
    let area = buffer.area;
    let marked: String = (0..area.height)
        .flat_map(|y| (0..area.width).map(move |x| (x, y)))
        .filter(|at| buffer[*at].modifier.contains(Modifier::UNDERLINED | Modifier::BOLD))
        .map(|at| buffer[at].symbol())
        .collect();
    assert!(marked.contains("MbyDck"), "{marked:?}");
}

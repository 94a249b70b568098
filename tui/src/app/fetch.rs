//! Reading topics and books from the shop, page by page, and reading them afresh.

use std::collections::HashSet;

use common::client::Error;
use common::wire::{BookPage, Topics};
use common::{Seq, text};

use super::listing::Listing;
use super::notices::Severity;
use super::overlay::Overlay;
use super::shop::Focus;
use super::shop::{Sort, Topic};
use super::state::App;
use crate::effect::{Effect, ListingKind, Query};

/// A page is asked for when the selection comes this close to the end, in rows.
const MARGIN: usize = 40;

impl App {
    pub(super) fn load_topics(&mut self) -> Vec<Effect> {
        if self.shop.topics.is_loading() {
            return Vec::new();
        }
        self.shop.topics.start(self.now.elapsed);
        vec![Effect::LoadTopics]
    }

    pub(super) fn topics_arrived(&mut self, result: Result<Topics, Error>) -> Vec<Effect> {
        let topics = match result {
            Ok(topics) => topics.topics,
            Err(error) => {
                self.shop
                    .topics
                    .fail(text::sanitize(&error.to_string()).into_owned(), self.now.elapsed);
                return Vec::new();
            }
        };
        let wanted = self.shop.topic_listing.as_ref().map(|shelf| shelf.query.clone());
        let topics: Vec<_> = topics
            .into_iter()
            .map(|count| Topic {
                display_name: text::sanitize(&count.topic).into_owned(),
                name: count.topic,
                books: count.books,
            })
            .collect();
        let same = topics
            .iter()
            .position(|topic| wanted == Some(Query::Topic(topic.name.clone())));
        self.shop.topic = same.unwrap_or(self.shop.topic).min(topics.len().saturating_sub(1));
        self.shop.topics.succeed(topics, self.now.elapsed);
        if same.is_some() {
            Vec::new()
        } else {
            self.open_topic(self.shop.topic)
        }
    }

    /// Puts a topic on the shelf.
    pub(super) fn open_topic(&mut self, index: usize) -> Vec<Effect> {
        let topics = self.shop.topics.value.as_deref().unwrap_or_default();
        let Some(topic) = topics.get(index) else {
            self.shop.topic_listing = None;
            self.rebuild_rows();
            return Vec::new();
        };
        let query = Query::Topic(topic.name.clone());
        self.shop.topic = index;
        if self
            .shop
            .topic_listing
            .as_ref()
            .is_some_and(|shelf| shelf.query == query)
        {
            return Vec::new();
        }
        let generation = self.shop.generation();
        let (shelf, effect) = Listing::open(ListingKind::Topic, query, generation, self.now.elapsed);
        self.shop.topic_listing = Some(shelf);
        self.shop.cursor = 0;
        self.rebuild_rows();
        self.keep_listed_books();
        vec![effect]
    }

    /// Reads everything on the screen afresh.
    pub(super) fn refresh_shop(&mut self) -> Vec<Effect> {
        let mut effects = self.load_topics();
        effects.extend(self.refresh_listings(|_| true));
        effects
    }

    pub(super) fn refresh_listings(&mut self, which: impl Fn(&Listing) -> bool) -> Vec<Effect> {
        let now = self.now.elapsed;
        let mut generations = self.shop.generations;
        let mut effects = Vec::new();
        for listing in self.shop.listings().filter(|listing| which(listing)) {
            generations += 1;
            effects.push(listing.refresh(generations, now));
        }
        self.shop.generations = generations;
        effects
    }

    /// Asks again for what failed; `at_once` or when its time has come.
    pub(super) fn retry_shop(&mut self, at_once: bool) -> Vec<Effect> {
        let now = self.now.elapsed;
        let mut effects = Vec::new();
        let topics = &self.shop.topics;
        if topics.is_due(now) || (at_once && topics.is_failed()) {
            effects.extend(self.load_topics());
        }
        for listing in self.shop.listings() {
            if listing.data.is_due(now) || (at_once && listing.data.is_failed()) {
                effects.push(listing.retry(now));
            }
        }
        effects
    }

    pub(super) fn page_arrived(
        &mut self,
        generation: u64,
        result: Result<(BookPage, Option<Seq>), Error>,
    ) -> Vec<Effect> {
        let (now, joined) = (self.now.elapsed, self.connection.live_from);
        let books = &mut self.books;
        let Some(listing) = self.shop.listings().find(|listing| listing.generation == generation) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        let mut outdated = false;
        match result {
            Ok((page, seq)) => {
                effects.extend(listing.page_loaded(&page, seq, now));
                for book in page.books {
                    books.upsert(book, now);
                }
                // What happened between this page and the first event of the stream was told to nobody.
                outdated = effects.is_empty() && listing.read_seq.is_some_and(|read| read < joined);
            }
            Err(error) => listing.data.fail(text::sanitize(&error.to_string()).into_owned(), now),
        }
        if outdated {
            effects.extend(self.refresh_listings(|listing| listing.generation == generation));
        }
        if !self.shop.listings().any(|listing| listing.data.is_loading()) {
            self.books.clear_early_events();
        }
        self.rebuild_rows();
        effects.extend(self.load_more());
        effects
    }

    /// Forgets the books that stand in no list.
    pub(super) fn keep_listed_books(&mut self) {
        let mut listed: HashSet<_> = self
            .shop
            .listings()
            .flat_map(|listing| listing.items.iter().copied())
            .collect();
        listed.extend(self.overlays.iter().filter_map(|overlay| match overlay {
            Overlay::Buy(dialog) => Some(dialog.item),
            _ => None,
        }));
        self.books.retain(&listed);
    }

    /// Another store: nothing on the screen is true any more.
    pub(super) fn forget_shop(&mut self) -> Vec<Effect> {
        self.books.clear();
        self.shop.topic_listing = None;
        self.shop.topics.value = None;
        self.shop.topics.state = super::remote_data::LoadState::NotAsked;
        let mut effects = self.look_in_shop();
        self.rebuild_rows();
        effects.extend(self.load_topics());
        effects
    }

    /// Moves the selection of the books.
    pub(super) fn select_book(&mut self, row: usize) -> Vec<Effect> {
        self.shop.cursor = row.min(self.shop.rows.len().saturating_sub(1));
        self.load_more()
    }

    pub(super) fn load_more(&mut self) -> Vec<Effect> {
        if self.shop.cursor + MARGIN < self.shop.rows.len() {
            return Vec::new();
        }
        let now = self.now.elapsed;
        let listing = match &mut self.shop.search {
            Some(find) if !find.text().is_empty() => find.results.as_mut(),
            _ => self.shop.topic_listing.as_mut(),
        };
        listing.and_then(|listing| listing.more(now)).into_iter().collect()
    }

    pub(super) fn sort_by_next(&mut self) {
        self.shop.sort.by = self.shop.sort.by.next();
        self.sorted();
    }

    pub(super) fn reverse_sort(&mut self) {
        self.shop.sort.reversed = !self.shop.sort.reversed;
        self.sorted();
    }

    fn sorted(&mut self) {
        let Sort { by, reversed } = self.shop.sort;
        self.rebuild_rows();
        let whole = self.shop.listing().is_none_or(Listing::is_whole);
        let among = if whole { "" } else { ", among the books loaded so far" };
        let down = if reversed { ", reversed" } else { "" };
        self.notify(Severity::Info, &format!("Sorted by {}{down}{among}", by.name()));
    }

    pub(super) fn focus_step(&mut self, forward: bool) {
        self.shop.focus = match (self.shop.focus, forward) {
            (Focus::Topics, true) | (Focus::Detail, false) => Focus::Books,
            (Focus::Books, true) | (Focus::Topics, false) => Focus::Detail,
            (Focus::Detail, true) | (Focus::Books, false) => Focus::Topics,
        };
    }
}

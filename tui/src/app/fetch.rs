//! Topics and books of the shop's screen: loading pages, refreshing, sorting and selecting.

use std::collections::HashSet;

use common::Seq;
use common::client::Error;
use common::wire::{BookPage, Topics};

use super::listing::Listing;
use super::notices::Severity;
use super::remote_data::LoadState;
use super::sanitize::sanitized;
use super::shared::Shared;
use super::shop::{ShopScreen, Sort, Topic};
use super::whole_shop::WholeShop;
use crate::effect::{Effect, Query, Request};

/// Distance of the selection from the end at which the next page is loaded, in rows.
const PREFETCH_ROWS: usize = 40;
/// Most books that are loaded as candidates for fuzzy matching.
const CANDIDATES_MAX: usize = 1_000;

impl ShopScreen {
    pub(super) fn load_topics(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        if self.topics.is_loading() {
            return Vec::new();
        }
        self.topics.start(shared.elapsed());
        vec![Effect::Send(Request::Topics)]
    }

    pub(super) fn handle_topics(&mut self, result: Result<Topics, Error>, shared: &mut Shared<'_>) -> Vec<Effect> {
        let topics = match result {
            Ok(topics) => topics.topics,
            Err(error) => {
                self.topics.fail(&error, shared.elapsed());
                return Vec::new();
            }
        };
        let shown = self.topic_listing.as_ref().map(|listing| listing.query.clone());
        let topics: Vec<_> = topics
            .into_iter()
            .map(|count| Topic {
                display_name: sanitized(&count.topic),
                name: count.topic,
                books: count.books,
            })
            .collect();
        let same = topics
            .iter()
            .position(|topic| shown == Some(Query::Topic(topic.name.clone())));
        self.topic = same.unwrap_or(self.topic).min(topics.len().saturating_sub(1));
        self.topics.succeed(topics, shared.elapsed());
        match same {
            Some(_) => Vec::new(),
            None => self.open_topic(self.topic, shared),
        }
    }

    pub(super) fn open_topic(&mut self, index: usize, shared: &mut Shared<'_>) -> Vec<Effect> {
        let topics = self.topics.value.as_deref().unwrap_or_default();
        let Some(topic) = topics.get(index) else {
            self.topic_listing = None;
            self.rebuild_rows(shared.books);
            return Vec::new();
        };
        let query = Query::Topic(topic.name.clone());
        self.topic = index;
        if matches!(&self.topic_listing, Some(listing) if listing.query == query) {
            return Vec::new();
        }
        let generation = self.next_generation();
        let (listing, effect) = Listing::open(query, generation, shared.elapsed());
        self.topic_listing = Some(listing);
        self.cursor = 0;
        self.rebuild_rows(shared.books);
        self.release_unlisted_books(shared);
        vec![effect]
    }

    pub(super) fn refresh(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        // Books may have been added or withdrawn; the next search loads the whole shop again.
        self.whole = WholeShop::NotRequested;
        let mut effects = self.load_topics(shared);
        effects.extend(self.refresh_listings(shared, |_| true));
        effects
    }

    pub(super) fn refresh_listings(&mut self, shared: &Shared<'_>, which: impl Fn(&Listing) -> bool) -> Vec<Effect> {
        let mut generation = self.generation;
        let mut effects = Vec::new();
        for listing in self.listings_mut().filter(|listing| which(listing)) {
            generation += 1;
            effects.push(listing.refresh(generation, shared.elapsed()));
        }
        self.generation = generation;
        effects
    }

    /// Retries failed loads: all of them if `at_once`, else those whose delay has passed.
    pub(super) fn retry_failed(&mut self, at_once: bool, shared: &Shared<'_>) -> Vec<Effect> {
        let now = shared.elapsed();
        let mut effects = Vec::new();
        if self.topics.is_due(now) || (at_once && self.topics.is_failed()) {
            effects.extend(self.load_topics(shared));
        }
        for listing in self.listings_mut() {
            if listing.data.is_due(now) || (at_once && listing.data.is_failed()) {
                effects.push(listing.retry(now));
            }
        }
        effects
    }

    pub(super) fn handle_page(
        &mut self,
        generation: u64,
        result: Result<(BookPage, Option<Seq>), Error>,
        shared: &mut Shared<'_>,
    ) -> Vec<Effect> {
        let (now, live_from) = (shared.elapsed(), shared.connection.live_from);
        let Some(listing) = self.listings_mut().find(|listing| listing.generation == generation) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        let mut is_outdated = false;
        let was_jumping = listing.is_jumping();
        let is_of_whole_shop = matches!(listing.query, Query::WholeTopic(_));
        let is_answered = result.is_ok();
        match result {
            Ok((page, seq)) => {
                effects.extend(listing.handle_page(&page, seq, now));
                for book in &page.books {
                    shared.books.upsert(book, now);
                }
                // The stream did not report changes between this page and the first event.
                is_outdated = effects.is_empty() && listing.read_seq.is_some_and(|read| read < live_from);
            }
            Err(error) => listing.data.fail(&error, now),
        }
        if is_outdated {
            effects.extend(self.refresh_listings(shared, |listing| listing.generation == generation));
        }
        if is_of_whole_shop && is_answered {
            let generation = self.next_generation();
            effects.extend(self.whole.more(generation, now));
        }
        if !self.is_loading_books() {
            shared.books.clear_early_events();
        }
        self.rebuild_rows(shared.books);
        if was_jumping && effects.is_empty() {
            self.cursor = self.rows.len().saturating_sub(1);
            self.release_unlisted_books(shared);
        }
        effects.extend(self.widen_search(shared));
        effects.extend(self.load_more(shared));
        effects
    }

    pub(super) fn is_loading_books(&self) -> bool {
        self.listings().any(|listing| listing.data.is_loading())
    }

    /// Drops the books that are neither in a list, nor in the basket, nor in the dialog.
    pub(super) fn release_unlisted_books(&self, shared: &mut Shared<'_>) {
        let mut listed: HashSet<_> = self
            .listings()
            .flat_map(|listing| listing.items.iter().copied())
            .chain(self.whole.items().iter().copied())
            .collect();
        listed.extend(shared.dialog.and_then(|(_, item)| item));
        listed.extend(shared.basket.lines().iter().map(|line| line.item));
        shared.books.retain(&listed);
    }

    /// Drops all books and topics and loads those of another store.
    pub(super) fn reset(&mut self, shared: &mut Shared<'_>) -> Vec<Effect> {
        shared.books.clear();
        self.whole = WholeShop::NotRequested;
        self.topic_listing = None;
        self.topics.value = None;
        self.topics.state = LoadState::NotRequested;
        let mut effects = self.search_whole_shop(shared);
        self.rebuild_rows(shared.books);
        effects.extend(self.load_topics(shared));
        effects
    }

    pub(super) fn select_book(&mut self, row: usize, shared: &Shared<'_>) -> Vec<Effect> {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
        self.detail_scroll = 0;
        if let Some(search) = &mut self.search {
            search.moved = true;
        }
        self.load_more(shared)
    }

    /// Jumps to the last book of the topic without loading the books before it; `None` if they are loaded.
    pub(super) fn jump_to_end(&mut self, shared: &Shared<'_>) -> Option<Effect> {
        let generation = self.next_generation();
        let listing = self.topic_listing.as_mut().filter(|_| self.search.is_none())?;
        listing.jump_to_end(generation, shared.elapsed())
    }

    /// Loads the first books of the topic again after a jump to its end; `None` if they are loaded.
    pub(super) fn return_to_start(&mut self, shared: &Shared<'_>) -> Option<Effect> {
        let generation = self.next_generation();
        let listing = self.topic_listing.as_mut().filter(|listing| listing.is_tail)?;
        (self.cursor, self.detail_scroll) = (0, 0);
        Some(listing.refresh(generation, shared.elapsed()))
    }

    fn load_more(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        if self.cursor + PREFETCH_ROWS < self.rows.len() {
            return Vec::new();
        }
        let listing = match &mut self.search {
            Some(search) if !search.text().is_empty() => {
                let is_enough = search.is_widened()
                    && search
                        .results
                        .as_ref()
                        .is_some_and(|results| results.items.len() >= CANDIDATES_MAX);
                search.results.as_mut().filter(|_| !is_enough)
            }
            _ => self.topic_listing.as_mut(),
        };
        listing
            .and_then(|listing| listing.more(shared.elapsed()))
            .into_iter()
            .collect()
    }

    pub(super) fn sort_by_next_column(&mut self, shared: &mut Shared<'_>) {
        self.sort.by = self.sort.by.next();
        self.apply_sort(shared);
    }

    pub(super) fn reverse_sort(&mut self, shared: &mut Shared<'_>) {
        self.sort.reversed = !self.sort.reversed;
        self.apply_sort(shared);
    }

    fn apply_sort(&mut self, shared: &mut Shared<'_>) {
        let Sort { by, reversed } = self.sort;
        self.rebuild_rows(shared.books);
        let among = match self.listing().is_none_or(Listing::is_whole) {
            true => "",
            false => ", among the books loaded so far",
        };
        let reversed = if reversed { ", reversed" } else { "" };
        shared.notify(Severity::Info, &format!("Sorted by {}{reversed}{among}", by.name()));
    }
}

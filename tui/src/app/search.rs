//! Search: first among the loaded books, then in the whole shop.

use common::text::fold;

use common::ItemNumber;

use super::books::Books;
use super::filter::FilterKey;
use super::listing::Listing;
use super::remote_data::LoadState;
use super::shared::Shared;
use super::shop::{Column, Focus, Search, ShopScreen};
use super::whole_shop::WholeShop;
use crate::effect::{Effect, Query};
use crate::input::KeyEvent;

impl ShopScreen {
    pub(super) fn start_search(&mut self, shared: &mut Shared<'_>) -> Vec<Effect> {
        self.search.get_or_insert_default().filter.editing = true;
        self.focus = Focus::Books;
        self.load_whole_shop(shared)
    }

    fn load_whole_shop(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let generation = self.next_generation();
        let Some(topics) = &self.topics.value else {
            return Vec::new();
        };
        let books = topics.iter().map(|topic| topic.books).sum();
        let names = topics.iter().map(|topic| topic.name.clone());
        let effect = self.whole.start(names, books, generation, shared);
        effect.into_iter().collect()
    }

    pub(super) fn end_search(&mut self, shared: &mut Shared<'_>) {
        let selected = self.selected();
        self.search = None;
        self.rebuild_rows(shared.books);
        // A book of another topic is no longer in the list.
        let row = self.rows.iter().position(|item| Some(*item) == selected);
        self.cursor = row.unwrap_or(0);
        self.release_unlisted_books(shared);
    }

    pub(super) fn handle_search_key(&mut self, key: KeyEvent, shared: &mut Shared<'_>) -> Vec<Effect> {
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        match search.filter.handle_key(key) {
            FilterKey::Cleared => self.end_search(shared),
            FilterKey::Up => return self.select_book(self.cursor.saturating_sub(1), shared),
            FilterKey::Down => return self.select_book(self.cursor + 1, shared),
            FilterKey::Changed => return self.search_changed(shared),
            FilterKey::Left | FilterKey::Ignored => {}
        }
        Vec::new()
    }

    pub(super) fn search_changed(&mut self, shared: &mut Shared<'_>) -> Vec<Effect> {
        let mut effects = self.load_whole_shop(shared);
        effects.extend(self.search_whole_shop(shared));
        if let Some(search) = &mut self.search {
            search.moved = false;
        }
        self.rebuild_rows(shared.books);
        self.cursor = 0;
        effects
    }

    /// Searches the whole shop; cancels a pending search.
    pub(super) fn search_whole_shop(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let generation = self.next_generation();
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        let words = search.text().to_owned();
        if words.is_empty() {
            search.results = None;
            return Vec::new();
        }
        vec![search.request(words, generation, shared)]
    }

    /// If the shop finds no book and is too large to be loaded whole, requests books that match the beginning of the text, as
    /// candidates for fuzzy matching.
    pub(super) fn widen_search(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let generation = self.generation + 1;
        let Some(search) = self.search.as_mut().filter(|_| self.rows.is_empty()) else {
            return Vec::new();
        };
        let Some(Listing {
            query: Query::Search(words),
            ..
        }) = search.results.as_ref().filter(|results| results.is_whole())
        else {
            return Vec::new();
        };
        let mut fewer = words.clone();
        fewer.pop();
        if !matches!(self.whole, WholeShop::TooLarge) || fewer.trim().is_empty() {
            return Vec::new();
        }
        self.generation = generation;
        vec![search.request(fewer.trim().to_owned(), generation, shared)]
    }

    /// Rebuilds the rows from the lists; the selection stays on its book.
    pub(super) fn rebuild_rows(&mut self, books: &Books) {
        let selected = self.selected();
        let in_topic = self.topic_listing.as_ref().map_or(&[][..], |listing| &listing.items);
        let loading = self.whole.listing().map_or(&[][..], |listing| &listing.items);
        let candidates = in_topic.iter().chain(loading).chain(self.whole.items());
        let mut stays_on_top = false;
        let mut rows = match self.search.as_mut().filter(|search| !search.text().is_empty()) {
            None => in_topic.to_vec(),
            Some(search) => {
                search.rank(candidates, books);
                stays_on_top = !search.moved;
                search.matches.items().collect()
            }
        };
        sort(&mut rows, self.sort.by, books);
        if self.sort.reversed {
            rows.reverse();
        }
        let row = rows.iter().position(|item| Some(*item) == selected);
        let row = row
            .filter(|_| !stays_on_top)
            .unwrap_or(if stays_on_top { 0 } else { self.cursor });
        self.cursor = row.min(rows.len().saturating_sub(1));
        self.rows = rows;
    }
}

impl Search {
    /// Sends a search to the shop. A pending search keeps its start time, so that the spinner does not flicker while the user
    /// types.
    fn request(&mut self, words: String, generation: u64, shared: &Shared<'_>) -> Effect {
        let (mut results, effect) = Listing::open(Query::Search(words), generation, shared.elapsed());
        if let Some(before) = &self.results
            && let LoadState::Loading { .. } = before.data.state
        {
            results.data.state = before.data.state.clone();
        }
        self.results = Some(results);
        effect
    }

    /// Ranks the candidates and the shop's results.
    fn rank<'a>(&mut self, candidates: impl Iterator<Item = &'a ItemNumber>, books: &Books) {
        let text = self.filter.text();
        let (found, is_for_text) = match &self.results {
            Some(results) => (&results.items[..], results.query == Query::Search(text.to_owned())),
            None => (&[][..], false),
        };
        let found_by_shop = if is_for_text { found } else { &[] };
        let candidates = candidates.copied().chain(found.iter().copied());
        self.matches.update(text, candidates, found_by_shop, books);
    }

    /// Whether the results match only the beginning of the text.
    pub(super) fn is_widened(&self) -> bool {
        let query = self.results.as_ref().map(|results| &results.query);
        query.is_some_and(|query| *query != Query::Search(self.text().to_owned()))
    }
}

fn sort(rows: &mut [ItemNumber], by: Column, books: &Books) {
    match by {
        Column::Item => {}
        Column::Title => rows.sort_by_cached_key(|item| books.get(*item).map(|book| fold(&book.title))),
        Column::Cost => rows.sort_by_key(|item| books.get(*item).map(|book| book.cost)),
        Column::Stock => rows.sort_by_key(|item| books.get(*item).map(|book| book.stock)),
    }
}

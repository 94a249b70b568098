//! Search: at once in the topic shown, by fuzzy match, then in the whole shop.

use std::collections::HashSet;
use std::fmt::Write as _;

use common::ItemNumber;
use common::text::fold;
use common::wire::Book;

use super::books::Books;
use super::listing::Listing;
use super::remote_data::LoadState;
use super::shared::Shared;
use super::shop::{Column, Focus, Search, ShopScreen};
use super::text_input::edit;
use crate::effect::{Effect, Query};
use crate::fuzzy::ranked;
use crate::input::{Key, KeyEvent};

impl ShopScreen {
    pub(super) fn start_search(&mut self) {
        self.search.get_or_insert_default().editing = true;
        self.focus = Focus::Books;
    }

    pub(super) fn end_search(&mut self, shared: &mut Shared<'_>) {
        let selected = self.selected();
        self.search = None;
        self.rebuild_rows(shared.books);
        // A book of another topic is not in the list any more.
        let row = self.rows.iter().position(|item| Some(*item) == selected);
        self.cursor = row.unwrap_or(0);
        self.release_unlisted_books(shared);
    }

    pub(super) fn handle_search_key(&mut self, key: KeyEvent, shared: &mut Shared<'_>) -> Vec<Effect> {
        let Some(search) = &mut self.search else {
            return Vec::new();
        };
        match key.key {
            Key::Esc => self.end_search(shared),
            Key::Enter | Key::Tab if search.text().is_empty() => self.end_search(shared),
            Key::Enter | Key::Tab => search.editing = false,
            Key::Up => return self.select_book(self.cursor.saturating_sub(1), shared),
            Key::Down => return self.select_book(self.cursor + 1, shared),
            _ if edit(&mut search.input, key) => return self.search_changed(shared),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn search_changed(&mut self, shared: &Shared<'_>) -> Vec<Effect> {
        let effects = self.search_whole_shop(shared);
        self.rebuild_rows(shared.books);
        self.cursor = 0;
        effects
    }

    /// Searches the whole shop; an earlier search on its way is cancelled.
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
        let (mut results, effect) = Listing::open(Query::Search(words), generation, shared.elapsed());
        if let Some(before) = &search.results
            && let LoadState::Loading { .. } = before.data.state
        {
            // The wait goes on although the text changed, so that nothing flickers while the user types.
            results.data.state = before.data.state.clone();
        }
        search.results = Some(results);
        vec![effect]
    }

    /// Makes the rows from the lists; the selection stays on its book.
    pub(super) fn rebuild_rows(&mut self, books: &Books) {
        let selected = self.selected();
        let in_topic = self.topic_listing.as_ref().map_or(&[][..], |listing| &listing.items);
        let search = self.search.as_ref().filter(|search| !search.text().is_empty());
        let (mut rows, local_matches) = match search {
            None => (in_topic.to_vec(), in_topic.len()),
            Some(search) => matches(search, in_topic, books),
        };
        sort(&mut rows, self.sort.by, books);
        if self.sort.reversed {
            rows.reverse();
        }
        let row = rows.iter().position(|item| Some(*item) == selected);
        self.cursor = row.unwrap_or(self.cursor).min(rows.len().saturating_sub(1));
        (self.rows, self.local_matches) = (rows, local_matches);
    }
}

fn matches(search: &Search, in_topic: &[ItemNumber], books: &Books) -> (Vec<ItemNumber>, usize) {
    let mut rows = ranked(search.text(), in_topic.iter().copied(), |item, line| {
        // The topic is that of all rows.
        if let Some(Book {
            item,
            title,
            author,
            topic: _,
            cost: _,
            stock: _,
            seq: _,
        }) = books.get(*item)
        {
            let author = author.as_deref().unwrap_or_default();
            let _ = write!(line, "{title} {author} {item}");
        }
    });
    let local_matches = rows.len();
    if let Some(results) = &search.results {
        let local: HashSet<_> = rows.iter().copied().collect();
        rows.extend(results.items.iter().copied().filter(|item| !local.contains(item)));
    }
    (rows, local_matches)
}

fn sort(rows: &mut [ItemNumber], by: Column, books: &Books) {
    match by {
        Column::Item => {}
        Column::Title => rows.sort_by_cached_key(|item| books.get(*item).map(|book| fold(&book.title))),
        Column::Cost => rows.sort_by_key(|item| books.get(*item).map(|book| book.cost)),
        Column::Stock => rows.sort_by_key(|item| books.get(*item).map(|book| book.stock)),
    }
}

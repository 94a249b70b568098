//! Search: at once in the topic shown, by fuzzy match, then in the whole shop.

use std::collections::HashSet;

use common::ItemNumber;

use super::books::Books;
use super::listing::Listing;
use super::shop::{Column, Focus, Search};
use super::state::App;
use super::text_input::{Typed, type_into};
use crate::effect::{Effect, ListingKind, Query};
use crate::fuzzy::ranked;
use crate::input::{Key, KeyEvent};

impl App {
    pub(super) fn begin_find(&mut self) {
        self.shop.search.get_or_insert_default().editing = true;
        self.shop.focus = Focus::Books;
    }

    pub(super) fn end_find(&mut self) {
        let selected = self.shop.selected();
        self.shop.search = None;
        self.rebuild_rows();
        // A book found elsewhere in the shop is not on this shelf.
        let row = self.shop.rows.iter().position(|item| Some(*item) == selected);
        self.shop.cursor = row.unwrap_or(0);
        self.keep_listed_books();
    }

    pub(super) fn find_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(find) = &mut self.shop.search else {
            return Vec::new();
        };
        match key.key {
            Key::Esc => self.end_find(),
            Key::Enter | Key::Tab if find.text().is_empty() => self.end_find(),
            Key::Enter | Key::Tab => find.editing = false,
            Key::Up => return self.select_book(self.shop.cursor.saturating_sub(1)),
            Key::Down => return self.select_book(self.shop.cursor + 1),
            _ => {
                if type_into(&mut find.input, key) == Typed::Changed {
                    return self.find_changed();
                }
            }
        }
        Vec::new()
    }

    pub(super) fn find_changed(&mut self) -> Vec<Effect> {
        let effects = self.look_in_shop();
        self.shop.cursor = 0;
        self.rebuild_rows();
        self.shop.cursor = 0;
        effects
    }

    /// Asks the whole shop. An older question that is still on its way is given up.
    pub(super) fn look_in_shop(&mut self) -> Vec<Effect> {
        let generation = self.shop.generation();
        let Some(find) = &mut self.shop.search else {
            return Vec::new();
        };
        let words = find.text().to_owned();
        if words.is_empty() {
            find.results = None;
            return Vec::new();
        }
        let (mut found, effect) = Listing::open(ListingKind::Search, Query::Words(words), generation, self.now.elapsed);
        if let Some(before) = &find.results {
            // The question changed, the waiting did not: nothing flickers while somebody types.
            found.data.state = match &before.data.state {
                phase @ super::remote_data::LoadState::Loading { .. } => phase.clone(),
                _ => found.data.state,
            };
        }
        find.results = Some(found);
        vec![effect]
    }

    /// Makes the rows anew out of the lists; the selection stays on its book.
    pub(super) fn rebuild_rows(&mut self) {
        let selected = self.shop.selected();
        let shelf = self
            .shop
            .topic_listing
            .as_ref()
            .map(|shelf| shelf.items.as_slice())
            .unwrap_or_default();
        let find = self.shop.search.as_ref().filter(|find| !find.text().is_empty());
        let (mut rows, near) = match find {
            None => (shelf.to_vec(), shelf.len()),
            Some(find) => matches(find, shelf, &self.books),
        };
        sort(&mut rows, self.shop.sort.by, &self.books);
        if self.shop.sort.reversed {
            rows.reverse();
        }
        let row = rows.iter().position(|item| Some(*item) == selected);
        self.shop.cursor = row.unwrap_or(self.shop.cursor).min(rows.len().saturating_sub(1));
        (self.shop.rows, self.shop.local_matches) = (rows, near);
    }
}

fn matches(find: &Search, shelf: &[ItemNumber], books: &Books) -> (Vec<ItemNumber>, usize) {
    use std::fmt::Write as _;
    let mut rows = ranked(find.text(), shelf.iter().copied(), |item, line| {
        if let Some(book) = books.get(*item) {
            let author = book.author.as_deref().unwrap_or_default();
            let _ = write!(line, "{} {author} {item}", book.title);
        }
    });
    let near = rows.len();
    if let Some(found) = &find.results {
        let here: HashSet<_> = rows.iter().copied().collect();
        rows.extend(found.items.iter().copied().filter(|item| !here.contains(item)));
    }
    (rows, near)
}

fn sort(rows: &mut [ItemNumber], by: Column, books: &Books) {
    match by {
        Column::Item => {}
        Column::Title => rows.sort_by_cached_key(|item| books.get(*item).map(|book| book.title.to_lowercase())),
        Column::Cost => rows.sort_by_key(|item| books.get(*item).map(|book| book.cost)),
        Column::Stock => rows.sort_by_key(|item| books.get(*item).map(|book| book.stock)),
    }
}

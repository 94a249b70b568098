//! Finding a book: at once among those that are here, fuzzily, and a moment later in the whole shop.

use std::cmp::Reverse;
use std::collections::HashSet;

use common::ItemNumber;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::{Input, InputRequest};

use super::books::Books;
use super::listing::Listing;
use super::shop::Column;
use super::{App, Focus};
use crate::effect::{Effect, Query, Slot};
use crate::event::{Key, KeyEvent};

/// The longest text that is looked for, in characters.
const TEXT_MAX: usize = 100;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Find {
    /// The text as it is being typed.
    pub input: Input,
    /// Whether keys go into the text; else they move in the list.
    pub editing: bool,
    /// What the whole shop has of it.
    pub found: Option<Listing>,
}

impl Find {
    /// The text without blanks around it.
    pub fn text(&self) -> &str {
        self.input.value().trim()
    }
}

/// What a key did to a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Changed,
    Moved,
    Nothing,
}

/// Lets a key work on a line of text.
pub(super) fn type_into(input: &mut Input, key: KeyEvent) -> Typed {
    let request = match (key.key, key.ctrl) {
        (Key::Char('u'), true) => InputRequest::DeleteFromStart,
        (Key::Char('k'), true) => InputRequest::DeleteTillEnd,
        (Key::Char('w'), true) => InputRequest::DeletePrevWord,
        (Key::Char('a'), true) | (Key::Home, _) => InputRequest::GoToStart,
        (Key::Char('e'), true) | (Key::End, _) => InputRequest::GoToEnd,
        (Key::Char(c), false) if !key.alt => {
            if input.value().chars().count() >= TEXT_MAX
                || common::text::sanitize(c.encode_utf8(&mut [0; 4])) != c.to_string()
            {
                return Typed::Nothing;
            }
            InputRequest::InsertChar(c)
        }
        (Key::Backspace, _) => InputRequest::DeletePrevChar,
        (Key::Delete, _) => InputRequest::DeleteNextChar,
        (Key::Left, _) => InputRequest::GoToPrevChar,
        (Key::Right, _) => InputRequest::GoToNextChar,
        _ => return Typed::Nothing,
    };
    match input.handle(request) {
        Some(changed) if changed.value => Typed::Changed,
        Some(_) => Typed::Moved,
        None => Typed::Nothing,
    }
}

/// Puts a pasted text into a line, cleaned, up to its longest length.
pub(super) fn paste_into(input: &mut Input, pasted: &str) {
    let room = TEXT_MAX.saturating_sub(input.value().chars().count());
    for c in common::text::sanitize(pasted).chars().take(room) {
        input.handle(InputRequest::InsertChar(c));
    }
}

/// The best matches first; equally good ones in the order they came in.
pub(super) fn ranked<T>(wanted: &str, things: impl Iterator<Item = T>, text: impl Fn(&T, &mut String)) -> Vec<T> {
    let pattern = Pattern::new(wanted, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let (mut line, mut chars) = (String::new(), Vec::new());
    let mut scored: Vec<_> = things
        .filter_map(|thing| {
            line.clear();
            text(&thing, &mut line);
            let score = pattern.score(Utf32Str::new(&line, &mut chars), &mut matcher)?;
            Some((score, thing))
        })
        .collect();
    scored.sort_by_key(|(score, _)| Reverse(*score));
    scored.into_iter().map(|(_, thing)| thing).collect()
}

impl App {
    pub(super) fn begin_find(&mut self) {
        self.shop.find.get_or_insert_default().editing = true;
        self.focus = Focus::Books;
    }

    pub(super) fn end_find(&mut self) {
        let selected = self.shop.selected();
        self.shop.find = None;
        self.rebuild_rows();
        // A book found elsewhere in the shop is not on this shelf.
        let row = self.shop.rows.iter().position(|item| Some(*item) == selected);
        self.shop.cursor = row.unwrap_or(0);
        self.keep_listed_books();
    }

    pub(super) fn find_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(find) = &mut self.shop.find else {
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
        let Some(find) = &mut self.shop.find else {
            return Vec::new();
        };
        let words = find.text().to_owned();
        if words.is_empty() {
            find.found = None;
            return Vec::new();
        }
        let (mut found, effect) = Listing::open(Slot::Found, Query::Words(words), generation, self.now.elapsed);
        if let Some(before) = &find.found {
            // The question changed, the waiting did not: nothing flickers while somebody types.
            found.data.phase = match &before.data.phase {
                phase @ super::data::Phase::Loading { .. } => phase.clone(),
                _ => found.data.phase,
            };
        }
        find.found = Some(found);
        vec![effect]
    }

    /// Makes the rows anew out of the lists; the selection stays on its book.
    pub(super) fn rebuild_rows(&mut self) {
        let selected = self.shop.selected();
        let shelf = self
            .shop
            .shelf
            .as_ref()
            .map(|shelf| shelf.items.as_slice())
            .unwrap_or_default();
        let find = self.shop.find.as_ref().filter(|find| !find.text().is_empty());
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
        (self.shop.rows, self.shop.near) = (rows, near);
    }
}

fn matches(find: &Find, shelf: &[ItemNumber], books: &Books) -> (Vec<ItemNumber>, usize) {
    use std::fmt::Write as _;
    let mut rows = ranked(find.text(), shelf.iter().copied(), |item, line| {
        if let Some(book) = books.get(*item) {
            let author = book.author.as_deref().unwrap_or_default();
            let _ = write!(line, "{} {author} {item}", book.title);
        }
    });
    let near = rows.len();
    if let Some(found) = &find.found {
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

//! The basket: the books that the next order buys together. Its file is read and written by effects.

use std::collections::HashSet;

use common::wire::Book;
use common::{ItemNumber, OrderId, Quantity, StoreId, limits};

use super::books::Books;
use super::dialog::Copies;
use super::sanitize::sanitized;
use crate::basket_file::{BasketChange, BasketLine, SavedBasket};
use crate::format;
use crate::journal::SentLine;

/// A stock that has changed is shown if the order leaves at most so many copies; an ample one changes all the time.
const SCARCE_COPIES: u32 = 10;

#[derive(Debug, Clone)]
pub(crate) struct Basket {
    /// What the file keeps.
    pub(crate) saved: SavedBasket,
    /// The selected line.
    pub(crate) selected: usize,
    /// Why it cannot be changed.
    pub(crate) available: Result<(), String>,
    /// The store whose basket it is; `None` before the first connection.
    pub(super) store: Option<StoreId>,
    /// The number of the last reading of its file.
    pub(super) generation: u64,
    revision: u64,
    /// The number that is being typed for the selected line.
    editing: Option<Copies>,
    /// Books that were asked for and have not arrived.
    pub(super) asked: HashSet<ItemNumber>,
    /// Books that the shop does not have any more.
    pub(super) gone: HashSet<ItemNumber>,
}

/// Whether a line can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    Ready,
    /// So many copies are left, too few.
    Short(u32),
    /// The shop does not have the book any more.
    Gone,
    /// The book was asked for.
    Loading,
    /// The shop did not answer.
    Failed,
}

impl Default for Basket {
    fn default() -> Self {
        Self {
            saved: SavedBasket::default(),
            selected: 0,
            available: Err("your basket is still being read".to_owned()),
            store: None,
            generation: 0,
            revision: 0,
            editing: None,
            asked: HashSet::new(),
            gone: HashSet::new(),
        }
    }
}

impl Basket {
    pub(crate) fn lines(&self) -> &[BasketLine] {
        &self.saved.lines
    }

    pub(crate) fn line(&self, item: ItemNumber) -> Option<&BasketLine> {
        self.lines().iter().find(|line| line.item == item)
    }

    fn line_mut(&mut self, item: ItemNumber) -> Option<&mut BasketLine> {
        self.saved.lines.iter_mut().find(|line| line.item == item)
    }

    pub(super) fn selected_item(&self) -> Option<ItemNumber> {
        self.lines().get(self.selected).map(|line| line.item)
    }

    /// The copies of all books.
    pub(crate) fn copies(&self) -> u32 {
        self.lines().iter().map(|line| line.quantity.get()).sum()
    }

    /// The amount of a line in cents, at the price of now or the last known one; `None` if the book is gone or not known.
    pub(crate) fn cents(&self, line: &BasketLine, books: &Books) -> Option<u64> {
        let cost = books.get(line.item).map(|book| book.cost).or(line.cost);
        let cost = cost.filter(|_| !self.gone.contains(&line.item))?;
        Some(cost.times(line.quantity).cents())
    }

    /// The amount of all lines in cents.
    pub(crate) fn total_cents(&self, books: &Books) -> u64 {
        self.lines().iter().filter_map(|line| self.cents(line, books)).sum()
    }

    pub(crate) fn state(&self, line: &BasketLine, books: &Books) -> LineState {
        match books.stock(line.item) {
            _ if self.gone.contains(&line.item) => LineState::Gone,
            Some(stock) if stock < line.quantity.get() => LineState::Short(stock),
            Some(_) => LineState::Ready,
            None if self.asked.contains(&line.item) => LineState::Loading,
            None => LineState::Failed,
        }
    }

    /// The rows and books of which too few copies are left, or which are gone.
    pub(crate) fn short_lines(&self, books: &Books) -> impl Iterator<Item = (usize, ItemNumber)> {
        let is_short =
            move |line: &BasketLine| matches!(self.state(line, books), LineState::Short(_) | LineState::Gone);
        let lines = self.lines().iter().enumerate();
        lines.filter_map(move |(row, line)| is_short(line).then_some((row, line.item)))
    }

    pub(crate) fn is_short(&self, books: &Books) -> bool {
        self.short_lines(books).next().is_some()
    }

    /// Why a line cannot be bought. The line itself names the book.
    pub(crate) fn obstacle(&self, books: &Books) -> Option<&'static str> {
        self.lines().iter().find_map(|line| match self.state(line, books) {
            LineState::Ready => None,
            LineState::Short(_) => Some("too few copies are left of a book"),
            LineState::Gone => Some("a book has left the catalog"),
            LineState::Loading => Some("a book is still being loaded"),
            LineState::Failed => Some("the shop did not answer for a book"),
        })
    }

    /// What keeps a line from being bought, and what has changed since it was put in: its price, and a stock of which the
    /// order leaves little.
    pub(crate) fn notes(&self, line: &BasketLine, books: &Books) -> Vec<String> {
        let state = self.state(line, books);
        let obstacle = match state {
            LineState::Ready => None,
            LineState::Short(0) => Some("none left".to_owned()),
            LineState::Short(stock) => Some(format!("only {} left", format::thousands(stock))),
            LineState::Gone => Some("left the catalog".to_owned()),
            LineState::Loading => Some("being loaded".to_owned()),
            LineState::Failed => Some("no answer".to_owned()),
        };
        let cost = line.cost.zip(books.get(line.item));
        let cost = cost.filter(|(before, book)| *before != book.cost);
        let cost = cost.map(|(before, _)| format!("was {}", format::amount(before.cents())));
        let stock = line.stock.map(common::Stock::get).zip(books.stock(line.item));
        let stock = stock.filter(|(before, now)| {
            let left = now.saturating_sub(line.quantity.get());
            state == LineState::Ready && before != now && left <= SCARCE_COPIES
        });
        let stock = stock.map(|(before, now)| {
            let [before, now] = [before, now].map(format::stock);
            format!("{now} left, {before} before")
        });
        obstacle.into_iter().chain(cost).chain(stock).collect()
    }

    /// Puts copies of a book in, at least so many in all or so many more.
    ///
    /// # Errors
    /// Why not, or not all of them.
    pub(super) fn put(&mut self, item: ItemNumber, wanted: u32, book: Option<&Book>) -> Result<(), String> {
        if self.line(item).is_none() {
            if self.lines().len() >= limits::ORDER_LINES_MAX {
                return Err(format!(
                    "The basket has {} books, the most of one order",
                    limits::ORDER_LINES_MAX
                ));
            }
            self.saved.lines.push(BasketLine {
                item,
                quantity: Quantity::ONE,
                title: None,
                cost: None,
                stock: None,
            });
        }
        self.gone.remove(&item);
        let Some(line) = self.line_mut(item) else { return Ok(()) };
        if let Some(book) = book {
            note(line, book);
        }
        let most = limits::QUANTITY_MAX;
        if let Ok(quantity) = Quantity::try_from(u64::from(wanted.min(most))) {
            line.quantity = quantity;
        }
        match wanted > most {
            true => Err(format!("At most {most} copies of a book in one order")),
            false => Ok(()),
        }
    }

    /// Notes title, price and stock of a line that was put in before its book was known.
    pub(super) fn note_book(&mut self, book: &Book) {
        if let Some(line) = self.line_mut(book.item).filter(|line| line.cost.is_none()) {
            note(line, book);
        }
    }

    /// Changes the copies of the selected line by a key; returns whether the key does that, and why not as far as wanted.
    pub(super) fn edit(&mut self, key: crate::input::Key) -> Option<Result<(), String>> {
        let item = self.selected_item()?;
        let quantity = self.line(item)?.quantity;
        let mut copies = self.editing.take().unwrap_or_else(|| Copies::new(quantity));
        if !copies.handle_key(key) {
            return None;
        }
        let wanted = copies.reduced_from.unwrap_or(copies.quantity.get());
        self.editing = Some(copies);
        Some(self.put(item, wanted, None))
    }

    pub(super) fn select(&mut self, row: usize) {
        self.selected = row.min(self.lines().len().saturating_sub(1));
        self.editing = None;
    }

    pub(super) fn remove(&mut self, items: &[ItemNumber]) {
        self.saved.lines.retain(|line| !items.contains(&line.item));
        self.select(self.selected);
    }

    /// Takes out what an order bought.
    pub(super) fn take(&mut self, bought: &[SentLine]) {
        for line in bought {
            let copies = self.line(line.item).map_or(0, |kept| kept.quantity.get());
            let left = copies.saturating_sub(line.quantity.get());
            match (Quantity::try_from(u64::from(left)), self.line_mut(line.item)) {
                (Ok(left), Some(kept)) => kept.quantity = left,
                _ => self.saved.lines.retain(|kept| kept.item != line.item),
            }
        }
        self.select(self.selected);
    }

    /// Takes over a reading of its file.
    pub(super) fn replace(&mut self, generation: u64, read: Result<SavedBasket, String>) {
        self.generation = generation;
        match read {
            Ok(mut saved) => {
                for title in saved.lines.iter_mut().filter_map(|line| line.title.as_mut()) {
                    *title = sanitized(title);
                }
                (self.saved, self.available) = (saved, Ok(()));
            }
            Err(why) => {
                self.saved = SavedBasket::default();
                self.available = Err(sanitized(&why));
            }
        }
        self.select(self.selected);
    }

    /// Forgets the basket, because that of another store is to be read.
    pub(super) fn reset(&mut self) {
        *self = Self {
            store: self.store,
            revision: self.revision,
            ..Self::default()
        };
    }

    /// The order that buys it, until it is decided.
    pub(super) fn order(&self) -> Option<OrderId> {
        self.saved.checkout.map(|checkout| checkout.order)
    }

    /// What is to be written after a change.
    pub(super) fn change(&mut self) -> BasketChange {
        self.revision += 1;
        BasketChange {
            basket: self.saved.clone(),
            revision: self.revision,
            generation: self.generation,
        }
    }
}

/// The title of a line: that of now, or that of the time when it was put in.
pub(crate) fn shown_title(line: &BasketLine, books: &Books) -> String {
    let now = books.get(line.item).map(|book| book.title.to_string());
    let title = now.or_else(|| line.title.clone());
    title.unwrap_or_else(|| format!("item {}", line.item))
}

fn note(line: &mut BasketLine, book: &Book) {
    line.title = Some(book.title.to_string());
    (line.cost, line.stock) = (Some(book.cost), Some(book.stock));
}

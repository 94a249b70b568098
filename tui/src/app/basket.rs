//! The basket: the books that the next order buys together. Effects read and write its file.

use std::collections::HashSet;

use common::wire::Book;
use common::{ItemNumber, OrderId, Quantity, StoreId, limits};

use super::books::Books;
use super::buy_dialog::Copies;
use super::sanitize::sanitized;
use crate::basket_file::{BasketChange, BasketLine, SavedBasket};
use crate::format;
use crate::journal::SentLine;

/// A changed stock is shown if the order leaves at most this number of copies. Changes of larger stocks are not shown.
const SCARCE_COPIES: u32 = 10;

#[derive(Debug, Clone)]
pub(crate) struct Basket {
    /// The contents of its file.
    pub(crate) saved: SavedBasket,
    /// The selected line.
    pub(crate) selected: usize,
    /// Whether it can be changed, or why not.
    pub(crate) available: Result<(), String>,
    /// The store that the basket belongs to; `None` before the first connection.
    pub(super) store: Option<StoreId>,
    /// Number of the last read of its file.
    pub(super) generation: u64,
    revision: u64,
    /// The number that is being typed for the selected line.
    editing: Option<Copies>,
    /// Books whose requests have no answer yet.
    pub(super) requested: HashSet<ItemNumber>,
    /// Books that have left the catalog.
    pub(super) withdrawn: HashSet<ItemNumber>,
}

/// Whether a line can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    Ready,
    /// Too few copies are left: this number.
    Short(u32),
    /// The book has left the catalog.
    Withdrawn,
    /// The request for the book has no answer yet.
    Loading,
    /// The request for the book failed.
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
            requested: HashSet::new(),
            withdrawn: HashSet::new(),
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

    /// The amount of a line in cents, at the current or the last known price; `None` if the book is withdrawn or unknown.
    pub(crate) fn cents(&self, line: &BasketLine, books: &Books) -> Option<u64> {
        let cost = books.get(line.item).map(|book| book.cost).or(line.cost);
        let cost = cost.filter(|_| !self.withdrawn.contains(&line.item))?;
        Some(cost.times(line.quantity).cents())
    }

    /// The amount of all lines in cents.
    pub(crate) fn total_cents(&self, books: &Books) -> u64 {
        self.lines().iter().filter_map(|line| self.cents(line, books)).sum()
    }

    pub(crate) fn state(&self, line: &BasketLine, books: &Books) -> LineState {
        match books.stock(line.item) {
            _ if self.withdrawn.contains(&line.item) => LineState::Withdrawn,
            Some(stock) if stock < line.quantity.get() => LineState::Short(stock),
            Some(_) => LineState::Ready,
            None if self.requested.contains(&line.item) => LineState::Loading,
            None => LineState::Failed,
        }
    }

    /// Rows and books with too few copies left, and withdrawn books.
    pub(crate) fn short_lines(&self, books: &Books) -> impl Iterator<Item = (usize, ItemNumber)> {
        let is_short =
            move |line: &BasketLine| matches!(self.state(line, books), LineState::Short(_) | LineState::Withdrawn);
        let lines = self.lines().iter().enumerate();
        lines.filter_map(move |(row, line)| is_short(line).then_some((row, line.item)))
    }

    pub(crate) fn is_short(&self, books: &Books) -> bool {
        self.short_lines(books).next().is_some()
    }

    /// Why the basket cannot be bought, without the name of the book, which its line shows.
    pub(crate) fn obstacle(&self, books: &Books) -> Option<&'static str> {
        self.lines().iter().find_map(|line| match self.state(line, books) {
            LineState::Ready => None,
            LineState::Short(_) => Some("too few copies are left of a book"),
            LineState::Withdrawn => Some("a book has left the catalog"),
            LineState::Loading => Some("a book is still being loaded"),
            LineState::Failed => Some("the shop did not answer for a book"),
        })
    }

    /// Why a line cannot be bought, and what has changed since it was added: its price, and a scarce stock.
    pub(crate) fn notes(&self, line: &BasketLine, books: &Books) -> Vec<String> {
        let state = self.state(line, books);
        let obstacle = match state {
            LineState::Ready => None,
            LineState::Short(0) => Some("none left".to_owned()),
            LineState::Short(stock) => Some(format!("only {} left", format::thousands(stock))),
            LineState::Withdrawn => Some("left the catalog".to_owned()),
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

    /// Sets the number of copies of a book, and adds its line if there is none.
    ///
    /// # Errors
    /// Why the book was not added, or that `wanted` was reduced to the limit.
    pub(super) fn set_copies(&mut self, item: ItemNumber, wanted: u32, book: Option<&Book>) -> Result<(), String> {
        if self.line(item).is_none() {
            if self.lines().len() >= limits::ORDER_LINES_MAX {
                return Err(format!(
                    "The basket has {} books, the limit of one order",
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
        self.withdrawn.remove(&item);
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

    /// Completes a line that was added before its book was known with title, price and stock.
    pub(super) fn note_book(&mut self, book: &Book) {
        if let Some(line) = self.line_mut(book.item).filter(|line| line.cost.is_none()) {
            note(line, book);
        }
    }

    /// Changes the copies of the selected line by a key; `None` if the key does not.
    ///
    /// # Errors
    /// As [`Basket::set_copies`].
    pub(super) fn edit(&mut self, key: crate::input::Key) -> Option<Result<(), String>> {
        let item = self.selected_item()?;
        let quantity = self.line(item)?.quantity;
        let mut copies = self.editing.take().unwrap_or_else(|| Copies::new(quantity));
        if !copies.handle_key(key) {
            return None;
        }
        let wanted = copies.reduced_from.unwrap_or(copies.quantity.get());
        self.editing = Some(copies);
        Some(self.set_copies(item, wanted, None))
    }

    pub(super) fn select(&mut self, row: usize) {
        self.selected = row.min(self.lines().len().saturating_sub(1));
        self.editing = None;
    }

    pub(super) fn remove(&mut self, items: &[ItemNumber]) {
        self.saved.lines.retain(|line| !items.contains(&line.item));
        self.select(self.selected);
    }

    /// Removes the copies that an order bought.
    pub(super) fn remove_bought(&mut self, bought: &[SentLine]) {
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

    /// Replaces the basket by the contents of its file.
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

    /// Clears the basket before that of another store is read.
    pub(super) fn reset(&mut self) {
        *self = Self {
            store: self.store,
            revision: self.revision,
            ..Self::default()
        };
    }

    /// The pending order that buys the basket.
    pub(super) fn order(&self) -> Option<OrderId> {
        self.saved.checkout.map(|checkout| checkout.order)
    }

    /// The next write of its file.
    pub(super) fn change(&mut self) -> BasketChange {
        self.revision += 1;
        BasketChange {
            basket: self.saved.clone(),
            revision: self.revision,
            generation: self.generation,
        }
    }
}

/// The current title of a line's book, or the title at the time when it was added.
pub(crate) fn shown_title(line: &BasketLine, books: &Books) -> String {
    let now = books.get(line.item).map(|book| book.title.to_string());
    let title = now.or_else(|| line.title.clone());
    title.unwrap_or_else(|| format!("item {}", line.item))
}

fn note(line: &mut BasketLine, book: &Book) {
    line.title = Some(book.title.to_string());
    (line.cost, line.stock) = (Some(book.cost), Some(book.stock));
}

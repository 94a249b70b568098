//! The basket on the screen: adding books, its overlay, its file, and the order that buys it.

use common::{ItemNumber, StoreId};

use super::buy_dialog::{BuyDialog, Goods};
use super::notices::Severity;
use super::orders::OrderState;
use super::overlay::Overlay;
use super::remote_data::LoadState;
use super::state::App;
use super::step::Step;
use crate::basket_file::SavedBasket;
use crate::command::Command;
use crate::effect::{Effect, Request};
use crate::input::{Key, KeyEvent};
use crate::journal::NotSoldReason;

impl App {
    /// Adds a copy of the selected book to the basket.
    pub(super) fn add_to_basket(&mut self) -> Vec<Effect> {
        let Some(item) = self.visible_book() else {
            return Vec::new();
        };
        let copies = self.basket.line(item).map_or(0, |line| line.quantity.get());
        let added = self.basket.set_copies(item, copies + 1, self.books.get(item));
        let title = self
            .books
            .get(item)
            .map(|book| book.title.to_string())
            .unwrap_or_default();
        match added {
            Ok(()) => {
                let text = format!("In the basket: {} × {title}", copies + 1);
                self.notify(Severity::Success, &text);
            }
            Err(why) => {
                self.notify(Severity::Info, &format!("{why}; {title} was not added"));
                return Vec::new();
            }
        }
        vec![self.save_basket()]
    }

    /// Adds the books of the selected order, so that the basket has at least the order's copies of each, and opens the basket.
    pub(super) fn refill_basket(&mut self) -> Vec<Effect> {
        let lines = self.orders.selected().map(|purchase| purchase.sent.lines.clone());
        for line in lines.unwrap_or_default() {
            let copies = self.basket.line(line.item).map_or(0, |kept| kept.quantity.get());
            let wanted = copies.max(line.quantity.get());
            if let Err(why) = self.basket.set_copies(line.item, wanted, self.books.get(line.item)) {
                self.notify(Severity::Warning, &format!("{why}; not every book was added"));
                break;
            }
        }
        let mut effects = vec![self.save_basket()];
        effects.extend(self.open_basket());
        effects
    }

    pub(super) fn open_basket(&mut self) -> Vec<Effect> {
        if !self.overlays.iter().any(|overlay| matches!(overlay, Overlay::Basket)) {
            self.overlays.push(Overlay::Basket);
        }
        let short = self.basket.short_lines(&self.books).next();
        self.basket.select(short.map_or(self.basket.selected, |(row, _)| row));
        let mut effects = vec![Effect::ReadBasket];
        effects.extend(self.load_basket_books(false));
        effects
    }

    fn save_basket(&mut self) -> Effect {
        Effect::SaveBasket(self.basket.change())
    }

    /// Requests the books that are not known, or all of them.
    pub(super) fn load_basket_books(&mut self, all: bool) -> Vec<Effect> {
        let items = self.basket.lines().iter().map(|line| line.item);
        let books = &self.books;
        let wanted: Vec<_> = items.filter(|item| all || books.get(*item).is_none()).collect();
        let requested = wanted.into_iter().filter(|item| self.basket.requested.insert(*item));
        requested.map(|item| Effect::Send(Request::Book(item))).collect()
    }

    /// Loads the basket of the shop's store, unless it is the basket that is shown.
    pub(super) fn load_basket(&mut self, store: StoreId) -> Option<Effect> {
        if self.basket.store.replace(store) == Some(store) {
            return None;
        }
        self.basket.reset();
        Some(Effect::LoadBasket(store))
    }

    pub(super) fn handle_basket_read(
        &mut self,
        store: StoreId,
        generation: u64,
        read: Result<SavedBasket, String>,
    ) -> Vec<Effect> {
        if self.basket.store != Some(store) || generation <= self.basket.generation {
            return Vec::new();
        }
        if let Err(why) = &read {
            self.notify(Severity::Warning, &format!("Your basket cannot be used: {why}"));
        } else if self.basket.generation > 0 {
            self.notify(
                Severity::Info,
                "Another program has changed the basket; the changed basket is shown",
            );
        }
        self.basket.replace(generation, read);
        self.load_basket_books(false)
    }

    /// Ends the checkout when its order is decided: removes the copies that were sold.
    pub(super) fn finish_checkout(&mut self) -> Vec<Effect> {
        let Some(checkout) = self.basket.saved.checkout else {
            return Vec::new();
        };
        if self.orders.journal.state != LoadState::Ready {
            return Vec::new();
        }
        match self.orders.find(checkout.order) {
            Some(purchase) if purchase.state.is_pending() => return Vec::new(),
            Some(purchase) if matches!(purchase.state, OrderState::Sold(_)) => {
                self.basket.remove_bought(&purchase.sent.lines);
            }
            Some(_) => {}
            // Another program may still record it.
            None if !checkout.deadline.has_passed_at(self.now.wall) => return Vec::new(),
            None => {}
        }
        self.basket.saved.checkout = None;
        self.dirty = true;
        vec![self.save_basket()]
    }

    /// The books of the basket that the dialog offers to remove: books with too few copies left, and after the confirmation
    /// the books for which the order was refused.
    pub(crate) fn removable_books(&self, dialog: &BuyDialog) -> Vec<ItemNumber> {
        let is_basket = matches!(dialog.goods, Goods::Basket { .. });
        if is_basket && !dialog.confirmed {
            return self.basket.short_lines(&self.books).map(|(_, item)| item).collect();
        }
        let purchase = self.orders.find(dialog.order).filter(|_| is_basket);
        let Some((OrderState::NotSold(not_sold), sent)) = purchase.map(|order| (&order.state, &order.sent)) else {
            return Vec::new();
        };
        let items: Vec<_> = match &sent.lines[..] {
            [only] if not_sold.reason != NotSoldReason::NotPlaced => vec![only.item],
            _ => not_sold.short.iter().map(|line| line.item).collect(),
        };
        items
            .into_iter()
            .filter(|item| self.basket.line(*item).is_some())
            .collect()
    }

    pub(super) fn remove_from_basket(&mut self, items: &[ItemNumber]) -> Vec<Effect> {
        let titles = items.iter().filter_map(|item| self.basket.line(*item));
        let titles: Vec<_> = titles
            .map(|line| super::basket::shown_title(line, &self.books))
            .collect();
        self.basket.remove(items);
        self.notify(
            Severity::Info,
            &format!("Removed from the basket: {}", titles.join(", ")),
        );
        vec![self.save_basket()]
    }

    pub(super) fn handle_basket_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.ctrl || key.alt {
            return Vec::new();
        }
        let selected = self.basket.selected_item();
        if self.basket.available.is_ok()
            && let Some(edited) = self.basket.edit(key.key)
        {
            if let Err(why) = edited {
                self.notify(Severity::Info, &why);
            }
            return vec![self.save_basket()];
        }
        match (key.key, selected) {
            (Key::Char('x') | Key::Delete, Some(item)) if !key.repeat => return self.remove_from_basket(&[item]),
            _ => {}
        }
        match self.keymap.command(key) {
            Some(Command::Close | Command::Back | Command::Basket) => {
                self.overlays.pop();
            }
            Some(Command::Buy) => return self.open_checkout(Some(key.key)),
            Some(Command::Add) => return self.handle_basket_key(KeyEvent::plain(Key::Char('+'))),
            Some(Command::Refresh) => return self.load_basket_books(true),
            Some(command) if let Some(step) = Step::of(command) => {
                let rows = self.layout.basket.rows;
                let row = step.apply(self.basket.selected, rows, self.basket.lines().len());
                self.basket.select(row);
            }
            _ => {}
        }
        Vec::new()
    }

    /// Opens the buying dialog for the whole basket; `by` is the pressed key, `None` for a click.
    pub(super) fn open_checkout(&mut self, by: Option<Key>) -> Vec<Effect> {
        if self.basket.lines().is_empty() {
            self.notify(Severity::Info, "The basket is empty");
            return Vec::new();
        }
        let cents = self.basket.total_cents(&self.books);
        self.push_buy_dialog(Goods::Basket { cents }, by);
        Vec::new()
    }
}

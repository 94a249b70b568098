//! The buying dialog. Nothing is bought by accident: the focus starts on Cancel, the key that opened the dialog and keys
//! held down never confirm, and once an order is on its way no key sends it again.

use std::time::Duration;

use common::{Deadline, ItemNumber, OrderId, Quantity, limits};

use super::orders::{Purchase, State};
use super::{App, Overlay, Phase, Tone};
use crate::effect::Effect;
use crate::event::{Key, KeyEvent};
use crate::journal::Placed;

/// A key that comes again within this long is being held down, as far as anybody can tell.
const HELD: Duration = Duration::from_secs(1);

/// The dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// The order's id, made when the dialog opened.
    pub order: OrderId,
    /// The book.
    pub item: ItemNumber,
    /// The copies.
    pub quantity: Quantity,
    /// Where Enter goes.
    pub field: Field,
    /// Whether the order was confirmed; what became of it stands among the orders.
    pub confirmed: bool,
    /// Why confirming did nothing.
    pub objection: Option<String>,
    /// Whether the quantity is being typed digit by digit.
    typing: bool,
    /// The key that opened or confirmed, and when it came last: held down, it means nothing.
    deaf_to: Option<(Key, Duration)>,
}

/// What can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Do not buy.
    Cancel,
    /// Buy.
    Buy,
    /// How many.
    Copies,
}

impl Field {
    fn next(self) -> Self {
        match self {
            Self::Cancel => Self::Buy,
            Self::Buy => Self::Copies,
            Self::Copies => Self::Cancel,
        }
    }
}

impl Dialog {
    fn set_quantity(&mut self, copies: u32) {
        let copies = u64::from(copies.clamp(1, limits::QUANTITY_MAX));
        if let Ok(quantity) = Quantity::try_from(copies) {
            self.quantity = quantity;
            self.objection = None;
        }
    }

    fn change_quantity(&mut self, by: i64) {
        self.typing = false;
        let copies = i64::from(self.quantity.get()) + by;
        self.set_quantity(u32::try_from(copies.max(1)).unwrap_or(limits::QUANTITY_MAX));
    }

    fn digit(&mut self, digit: u32) {
        let copies = if self.typing {
            self.quantity.get() * 10 + digit
        } else {
            digit
        };
        if copies > 0 {
            self.set_quantity(copies);
            self.typing = true;
        }
    }
}

impl App {
    /// Opens the dialog for the selected book; `by` the key that did it, if a key did.
    pub(super) fn open_dialog(&mut self, by: Option<Key>) {
        let (Some(item), Some(order)) = (self.shop.selected(), self.spare_key.take()) else {
            return;
        };
        let dialog = Dialog {
            order,
            item,
            quantity: Quantity::ONE,
            field: Field::Cancel,
            confirmed: false,
            objection: None,
            typing: false,
            deaf_to: by.map(|key| (key, self.now.elapsed)),
        };
        self.overlays.push(Overlay::Buy(Box::new(dialog)));
    }

    /// Why the order cannot be sent, if it cannot.
    pub fn objection(&self, dialog: &Dialog) -> Option<String> {
        if let Some(why) = self.cannot_buy() {
            return Some(why);
        }
        if self.orders.memory.phase != Phase::Ready {
            return Some("earlier orders are still being read".to_owned());
        }
        if self.books.get(dialog.item).is_none() {
            return Some("the book has left the catalog".to_owned());
        }
        match self.books.stock(dialog.item) {
            Some(0) => Some("none are left".to_owned()),
            Some(stock) if stock < dialog.quantity.get() => Some(format!("only {stock} left")),
            _ => None,
        }
    }

    /// Why nothing at all can be bought, if it cannot.
    pub(super) fn cannot_buy(&self) -> Option<String> {
        if self.connection.ended.is_some() {
            return Some("the shop's store is closed".to_owned());
        }
        match &self.orders.memory.phase {
            Phase::Failed { why, .. } => Some(format!("orders cannot be written down: {why}")),
            _ => None,
        }
    }

    pub(super) fn dialog_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let now = self.now.elapsed;
        // Whatever key opens the dialog never confirms, also where the configuration chose `y` for it.
        let opens = self.keymap.command(key) == Some(super::Command::Buy);
        let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        if let Some((deaf_to, last)) = dialog.deaf_to {
            if deaf_to == key.key && now.saturating_sub(last) < HELD {
                dialog.deaf_to = Some((deaf_to, now));
                return Vec::new();
            }
            dialog.deaf_to = None;
        }
        if key.ctrl || key.alt {
            return Vec::new();
        }
        if dialog.confirmed {
            return self.confirmed_key(key);
        }
        match key.key {
            Key::Esc | Key::Char('q' | 'n') => return self.close_dialog(),
            Key::Char('y') | Key::Enter if key.repeat || opens => {}
            Key::Char('y') => return self.confirm(Some(key.key)),
            Key::Enter => match dialog.field {
                Field::Cancel => return self.close_dialog(),
                Field::Buy => return self.confirm(Some(key.key)),
                Field::Copies => {}
            },
            Key::Tab | Key::Right | Key::Char('l') => dialog.field = dialog.field.next(),
            Key::BackTab | Key::Left | Key::Char('h') => dialog.field = dialog.field.next().next(),
            Key::Up | Key::Char('+' | '=' | 'k') => dialog.change_quantity(1),
            Key::Down | Key::Char('-' | '_' | 'j') => dialog.change_quantity(-1),
            Key::PageUp => dialog.change_quantity(10),
            Key::PageDown => dialog.change_quantity(-10),
            Key::Backspace => {
                dialog.set_quantity(dialog.quantity.get() / 10);
                dialog.typing = dialog.quantity.get() >= 10;
            }
            Key::Char(c) => {
                if let Some(digit) = c.to_digit(10) {
                    dialog.digit(digit);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// A click into the dialog.
    pub(super) fn dialog_click(&mut self, field: Field) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        dialog.field = field;
        match field {
            Field::Cancel => self.close_dialog(),
            Field::Buy if !dialog.confirmed => self.confirm(None),
            Field::Buy | Field::Copies => Vec::new(),
        }
    }

    /// The wheel over the dialog.
    pub(super) fn dialog_wheel(&mut self, up: bool) {
        if let Some(Overlay::Buy(dialog)) = self.overlays.last_mut()
            && !dialog.confirmed
        {
            dialog.change_quantity(if up { 1 } else { -1 });
        }
    }

    fn confirmed_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.last() else {
            return Vec::new();
        };
        let settled = self
            .orders
            .find(dialog.order)
            .is_none_or(|purchase| purchase.state.is_settled());
        match key.key {
            Key::Esc | Key::Char('q') => self.close_dialog(),
            Key::Enter | Key::Char(' ') if settled && !key.repeat => self.close_dialog(),
            _ => Vec::new(),
        }
    }

    fn close_dialog(&mut self) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.pop() else {
            return Vec::new();
        };
        let open = self
            .orders
            .find(dialog.order)
            .is_some_and(|purchase| !purchase.state.is_settled());
        if open {
            self.tell(
                Tone::Plain,
                "The order is still being settled; Orders (2) shows what becomes of it",
            );
        }
        Vec::new()
    }

    fn confirm(&mut self, by: Option<Key>) -> Vec<Effect> {
        let now = self.now;
        let Some(Overlay::Buy(dialog)) = self.overlays.last() else {
            return Vec::new();
        };
        let objection = self.objection(dialog);
        let Some(book) = self.books.get(dialog.item).filter(|_| objection.is_none()) else {
            if let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() {
                dialog.objection = objection;
                // The next digit begins another number.
                dialog.typing = false;
            }
            return Vec::new();
        };
        let patience = u64::try_from(limits::DEADLINE_DEFAULT.as_millis()).unwrap_or(u64::MAX);
        let placed = Placed {
            order: dialog.order,
            item: dialog.item,
            title: book.title.clone(),
            quantity: dialog.quantity,
            cost: book.cost,
            at: now.wall,
            deadline: Deadline::from_millis(now.wall.as_millis().saturating_add(patience)),
            shop: self.url.clone(),
            store: self.connection.store,
        };
        if let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() {
            dialog.confirmed = true;
            dialog.deaf_to = by.map(|key| (key, now.elapsed));
        }
        self.orders
            .push(Purchase::new(placed.clone(), State::OnItsWay { since: now.elapsed }));
        vec![Effect::Buy { placed, again: false }]
    }
}

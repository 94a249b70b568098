//! The buying dialog. It never buys by accident: the focus starts on Cancel, the key that opened the dialog and held keys
//! never confirm, and no key sends an order again that is on its way.

use std::time::Duration;

use common::{Deadline, Quantity, limits};

use super::dialog::{BuyDialog, DialogField};
use super::notices::Severity;
use super::orders::{OrderState, Purchase};
use super::overlay::Overlay;
use super::remote_data::LoadState;
use super::state::App;
use crate::command::{Command, Screen};
use crate::effect::{Effect, Request};
use crate::input::{Key, KeyEvent};
use crate::journal::{SentLine, SentOrder};

/// A key that repeats within this time counts as held down: most terminals do not report key repeat.
const KEY_HELD_TIMEOUT: Duration = Duration::from_secs(1);

impl App {
    /// Opens the dialog for the selected book; `by` is the key that was pressed for it, if any.
    pub(super) fn open_dialog(&mut self, by: Option<Key>) {
        let (Some(item), Some(order)) = (self.shop.selected(), self.orders.next_order_id.take()) else {
            return;
        };
        let dialog = BuyDialog {
            order,
            item,
            quantity: Quantity::ONE,
            field: DialogField::Cancel,
            confirmed: false,
            error: None,
            typing: false,
            ignored_key: by.map(|key| (key, self.now.elapsed)),
        };
        self.overlays.push(Overlay::Buy(Box::new(dialog)));
    }

    /// Why the dialog's order cannot be sent; `None` if it can.
    pub(crate) fn buy_disabled_reason(&self, dialog: &BuyDialog) -> Option<String> {
        if let Some(why) = self.buying_disabled_reason() {
            return Some(why);
        }
        if self.orders.journal.state != LoadState::Ready {
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

    /// Why nothing can be bought; `None` if something can.
    pub(super) fn buying_disabled_reason(&self) -> Option<String> {
        if self.connection.store_closed.is_some() {
            return Some("the shop's store is closed".to_owned());
        }
        match &self.orders.journal.state {
            LoadState::Failed { why, .. } => Some(format!("orders cannot be saved: {why}")),
            _ => None,
        }
    }

    /// The dialog, if it is the topmost overlay.
    pub(super) fn buy_dialog(&mut self) -> Option<&mut BuyDialog> {
        match self.overlays.last_mut() {
            Some(Overlay::Buy(dialog)) => Some(dialog),
            _ => None,
        }
    }

    pub(super) fn handle_dialog_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let now = self.now.elapsed;
        // A key that opens the dialog never confirms, even if the configuration chose `y` for it.
        let opens = self.keymap.command(key) == Some(Command::Buy);
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        if let Some((ignored_key, last)) = dialog.ignored_key {
            if ignored_key == key.key && now.saturating_sub(last) < KEY_HELD_TIMEOUT {
                dialog.ignored_key = Some((ignored_key, now));
                return Vec::new();
            }
            dialog.ignored_key = None;
        }
        if key.ctrl || key.alt {
            return Vec::new();
        }
        if dialog.confirmed {
            let order = dialog.order;
            let is_pending = self
                .orders
                .find(order)
                .is_some_and(|purchase| purchase.state.is_pending());
            return match key.key {
                Key::Esc | Key::Char('q') => self.close_dialog(),
                Key::Enter | Key::Char(' ') if !is_pending && !key.repeat => self.close_dialog(),
                _ => Vec::new(),
            };
        }
        match key.key {
            Key::Esc | Key::Char('q' | 'n') => return self.close_dialog(),
            Key::Char('y') | Key::Enter if key.repeat || opens => {}
            Key::Char('y') => return self.confirm(Some(key.key)),
            Key::Enter => match dialog.field {
                DialogField::Cancel => return self.close_dialog(),
                DialogField::Buy => return self.confirm(Some(key.key)),
                DialogField::Quantity => {}
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
            Key::Char(c) if let Some(digit) = c.to_digit(10) => dialog.digit(digit),
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn handle_dialog_click(&mut self, field: DialogField) -> Vec<Effect> {
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        dialog.field = field;
        match field {
            DialogField::Cancel => self.close_dialog(),
            DialogField::Buy if !dialog.confirmed => self.confirm(None),
            DialogField::Buy | DialogField::Quantity => Vec::new(),
        }
    }

    pub(super) fn handle_dialog_wheel(&mut self, up: bool) {
        if let Some(dialog) = self.buy_dialog().filter(|dialog| !dialog.confirmed) {
            dialog.change_quantity(if up { 1 } else { -1 });
        }
    }

    fn close_dialog(&mut self) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.pop() else {
            return Vec::new();
        };
        let purchase = self.orders.find(dialog.order);
        if purchase.is_some_and(|purchase| purchase.state.is_pending()) {
            let orders = self.screen_and_key(Screen::Orders);
            let text = format!("The order is still pending; {orders} shows its outcome");
            self.notify(Severity::Info, &text);
        }
        Vec::new()
    }

    fn confirm(&mut self, by: Option<Key>) -> Vec<Effect> {
        let now = self.now;
        let Some(Overlay::Buy(dialog)) = self.overlays.last() else {
            return Vec::new();
        };
        let error = self.buy_disabled_reason(dialog);
        let Some(book) = self.books.get(dialog.item).filter(|_| error.is_none()) else {
            if let Some(dialog) = self.buy_dialog() {
                dialog.error = error;
                // The next digit starts a new number.
                dialog.typing = false;
            }
            return Vec::new();
        };
        let timeout_ms = u64::try_from(limits::DEADLINE_DEFAULT.as_millis()).unwrap_or(u64::MAX);
        let sent = SentOrder {
            order: dialog.order,
            lines: vec![SentLine {
                item: dialog.item,
                quantity: dialog.quantity,
                title: Some(book.title.to_string()),
                cost: Some(book.cost),
            }],
            at: now.wall,
            deadline: Deadline::from_millis(now.wall.as_millis().saturating_add(timeout_ms)),
            shop: self.connection.shop_name.clone(),
            store: self.connection.store,
        };
        if let Some(dialog) = self.buy_dialog() {
            dialog.confirmed = true;
            dialog.ignored_key = by.map(|key| (key, now.elapsed));
        }
        let sending = OrderState::Sending { since: now.elapsed };
        self.orders.push(Purchase::new(sent.clone(), sending));
        vec![Effect::Send(Request::Buy { sent, resend: false })]
    }
}

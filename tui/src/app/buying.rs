//! The buying dialog. It never buys by accident: the focus starts on Cancel, the key that opened the dialog and held keys
//! never confirm, and no key sends an order again that is on its way.

use common::{Deadline, Quantity, limits};

use super::dialog::{BuyDialog, DialogField};
use super::held_key::HeldKey;
use super::notices::Severity;
use super::orders::{OrderState, Purchase};
use super::overlay::Overlay;
use super::remote_data::LoadState;
use super::state::App;
use crate::command::{Command, Screen};
use crate::effect::{Effect, Request};
use crate::input::{Key, KeyEvent};
use crate::journal::{SentLine, SentOrder};

impl App {
    /// Opens the dialog for the selected book, or for the book of the selected order; `by` is the key that was pressed for
    /// it, if any.
    pub(super) fn open_dialog(&mut self, by: Option<Key>) -> Vec<Effect> {
        let wanted = if self.screen == Screen::Orders {
            let line = self.orders.selected().and_then(|purchase| purchase.sent.lines.first());
            line.map(|line| (line.item, line.quantity))
        } else {
            self.shop.selected().map(|item| (item, Quantity::ONE))
        };
        let Some((item, quantity)) = wanted else {
            return Vec::new();
        };
        let Some(order) = self.orders.next_order_id.take() else {
            return Vec::new();
        };
        let is_known = self.books.get(item).is_some();
        let dialog = BuyDialog {
            order,
            item,
            quantity,
            loading: !is_known,
            field: DialogField::Cancel,
            confirmed: false,
            error: None,
            reduced_from: None,
            typing: false,
            held_key: HeldKey::pressed(by, self.now.elapsed),
        };
        self.overlays.push(Overlay::Buy(Box::new(dialog)));
        let request = (!is_known).then(|| Effect::Send(Request::Book(item)));
        request.into_iter().collect()
    }

    /// Why the selected order cannot be placed again; `None` if it can.
    pub(super) fn repeat_disabled_reason(&self) -> Option<String> {
        let Some(purchase) = self.orders.selected() else {
            return Some("choose an order first".to_owned());
        };
        // The same number may be another book there.
        let is_elsewhere = match (purchase.sent.store, self.connection.store) {
            (Some(placed), Some(connected)) => placed != connected,
            _ => purchase.sent.shop != self.connection.shop_name,
        };
        match purchase.sent.lines.len() {
            _ if is_elsewhere => Some("it was placed in another store".to_owned()),
            0 | 1 => None,
            _ => Some("it has several books".to_owned()),
        }
    }

    /// Why the dialog's order cannot be sent; `None` if it can.
    pub(crate) fn buy_disabled_reason(&self, dialog: &BuyDialog) -> Option<String> {
        if let Some(why) = self.buying_disabled_reason() {
            return Some(why);
        }
        if self.orders.journal.state != LoadState::Ready {
            return Some("earlier orders are still being read".to_owned());
        }
        if dialog.loading {
            return Some("the book is still being loaded".to_owned());
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
        if dialog.held_key.ignores(key.key, now) || key.ctrl || key.alt {
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
            dialog.held_key = HeldKey::pressed(by, now.elapsed);
        }
        self.orders.push(Purchase::new(sent.clone(), OrderState::Sending));
        vec![Effect::Send(Request::Buy { sent, resend: false })]
    }
}

//! The buying dialog. It never buys by accident: the focus starts on Cancel, the key that opened the dialog and held keys
//! never confirm, and no key resends a pending order.

use common::{Deadline, ItemNumber, Quantity, limits};

use super::buy_dialog::{BuyDialog, BuyField, Copies, Goods};
use super::held_key::HeldKey;
use super::notices::Severity;
use super::orders::{OrderState, Purchase};
use super::overlay::Overlay;
use super::state::App;
use crate::basket_file::Checkout;
use crate::command::{Command, Screen};
use crate::effect::{Effect, Request};
use crate::format;
use crate::input::{Key, KeyEvent};
use crate::journal::{SentLine, SentOrder};

impl App {
    /// Opens the dialog for the selected book, or for the book of the selected order; `by` is the pressed key, `None` for a
    /// click.
    pub(super) fn open_buy_dialog(&mut self, by: Option<Key>) -> Vec<Effect> {
        let wanted = if self.screen == Screen::Orders {
            let line = self.orders.selected().and_then(|purchase| purchase.sent.lines.first());
            line.map(|line| (line.item, line.quantity))
        } else {
            self.shop.selected().map(|item| (item, Quantity::ONE))
        };
        let Some((item, quantity)) = wanted else {
            return Vec::new();
        };
        let loading = self.books.get(item).is_none();
        let copies = Copies::new(quantity);
        self.push_buy_dialog(Goods::Book { item, copies, loading }, by);
        let request = loading.then(|| Effect::Send(Request::Book(item)));
        request.into_iter().collect()
    }

    /// Opens the dialog with a fresh order id.
    pub(super) fn push_buy_dialog(&mut self, goods: Goods, by: Option<Key>) {
        if let Some(order) = self.orders.next_order_id.take() {
            let dialog = BuyDialog {
                order,
                goods,
                field: BuyField::Cancel,
                confirmed: false,
                error: None,
                held_key: HeldKey::pressed(by, self.now.elapsed),
            };
            self.overlays.push(Overlay::Buy(Box::new(dialog)));
        }
    }

    /// The dialog, if it is the topmost overlay.
    pub(super) fn buy_dialog(&mut self) -> Option<&mut BuyDialog> {
        match self.overlays.last_mut() {
            Some(Overlay::Buy(dialog)) => Some(dialog),
            _ => None,
        }
    }

    pub(super) fn handle_buy_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let now = self.now.elapsed;
        // A key that opens the dialog never confirms, even if the configuration chose `y` for it.
        let opens = self.keymap.command(key) == Some(Command::Buy);
        let removable = self.offered_removals();
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        if dialog.held_key.filter_repeat(key.key, now) || key.ctrl || key.alt {
            return Vec::new();
        }
        if dialog.confirmed {
            return self.handle_outcome_key(key, &removable);
        }
        match key.key {
            Key::Esc | Key::Char('q' | 'n') => return self.close_buy_dialog(),
            Key::Char('x') if !key.repeat => return self.remove_offered(&removable),
            Key::Char('y') | Key::Enter if key.repeat || opens => {}
            Key::Char('y') => return self.confirm(Some(key.key)),
            Key::Enter => match dialog.field {
                BuyField::Cancel => return self.close_buy_dialog(),
                BuyField::Buy => return self.confirm(Some(key.key)),
                BuyField::Remove => return self.remove_offered(&removable),
                BuyField::Quantity => {}
            },
            Key::Tab | Key::Right | Key::Char('l') => dialog.move_focus(true, !removable.is_empty()),
            Key::BackTab | Key::Left | Key::Char('h') => dialog.move_focus(false, !removable.is_empty()),
            _ => {
                if dialog.copies_mut().is_some_and(|copies| change_copies(copies, key.key)) {
                    dialog.error = None;
                }
            }
        }
        Vec::new()
    }

    /// Handles a key after the confirmation: closes the dialog, or removes the books for which the basket was refused.
    fn handle_outcome_key(&mut self, key: KeyEvent, removable: &[ItemNumber]) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        let purchase = self.orders.find(dialog.order);
        let is_pending = purchase.is_some_and(|purchase| purchase.state.is_pending());
        match key.key {
            Key::Esc | Key::Char('q') => self.close_buy_dialog(),
            Key::Char('x') if !key.repeat => self.remove_offered(removable),
            Key::Enter | Key::Char(' ') if !is_pending && !key.repeat => match dialog.field {
                BuyField::Remove => self.remove_offered(removable),
                _ => self.close_buy_dialog(),
            },
            Key::Tab | Key::BackTab | Key::Left | Key::Right | Key::Char('h' | 'l') => {
                dialog.move_focus(true, !removable.is_empty());
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// The books that the topmost dialog offers to remove from the basket.
    fn offered_removals(&self) -> Vec<ItemNumber> {
        match self.overlays.last() {
            Some(Overlay::Buy(dialog)) => self.removable_books(dialog),
            _ => Vec::new(),
        }
    }

    /// Removes books from the basket, if there are any, and closes the dialog over it.
    fn remove_offered(&mut self, removable: &[ItemNumber]) -> Vec<Effect> {
        if removable.is_empty() {
            return Vec::new();
        }
        let effects = self.remove_from_basket(removable);
        self.close_buy_dialog();
        effects
    }

    pub(super) fn handle_buy_click(&mut self, field: BuyField) -> Vec<Effect> {
        let removable = self.offered_removals();
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        // The last frame may have shown a button that is no longer there.
        if !dialog.fields(!removable.is_empty()).any(|shown| shown == field) {
            return Vec::new();
        }
        dialog.field = field;
        match field {
            BuyField::Cancel => self.close_buy_dialog(),
            BuyField::Buy => self.confirm(None),
            BuyField::Remove => self.remove_offered(&removable),
            BuyField::Quantity => Vec::new(),
        }
    }

    pub(super) fn handle_buy_wheel(&mut self, up: bool) {
        let dialog = self.buy_dialog().filter(|dialog| !dialog.confirmed);
        if let Some(copies) = dialog.and_then(BuyDialog::copies_mut) {
            copies.step(if up { 1 } else { -1 });
        }
    }

    fn close_buy_dialog(&mut self) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.pop() else {
            return Vec::new();
        };
        if dialog.confirmed && dialog.book().is_none() && self.basket.lines().is_empty() {
            // Everything was bought; the basket lies under the dialog.
            self.overlays.retain(|overlay| !matches!(overlay, Overlay::Basket));
        }
        let purchase = self.orders.find(dialog.order);
        if purchase.is_some_and(|purchase| purchase.state.is_pending()) {
            let orders = self.screen_and_key(Screen::Orders);
            let text = format!("The order is still pending; {orders} shows its outcome");
            self.notify(Severity::Info, &text);
        }
        Vec::new()
    }

    fn confirm(&mut self, by: Option<Key>) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.last() else {
            return Vec::new();
        };
        let (why, changed) = (self.buy_disabled_reason(dialog), self.changed_total(dialog));
        let (order, lines) = (dialog.order, self.sent_lines(dialog));
        let is_basket = dialog.book().is_none();
        let total_cents = self.basket.total_cents(&self.books);
        let held_key = HeldKey::pressed(by, self.now.elapsed);
        if let Some(dialog) = self.buy_dialog() {
            if why.is_some() || changed.is_some() {
                if changed.is_some() {
                    // A held key must not confirm the new total.
                    dialog.held_key = held_key;
                }
                dialog.error = match &mut dialog.goods {
                    Goods::Book { copies, .. } => {
                        copies.stop_typing();
                        why
                    }
                    // The next confirmation is for the total that is shown from now on.
                    Goods::Basket { cents } => {
                        *cents = total_cents;
                        changed
                    }
                };
                return Vec::new();
            }
            (dialog.confirmed, dialog.field, dialog.held_key) = (true, BuyField::Cancel, held_key);
        }
        let timeout_ms = u64::try_from(limits::DEADLINE_DEFAULT.as_millis()).unwrap_or(u64::MAX);
        let sent = SentOrder {
            order,
            lines,
            at: self.now.wall,
            deadline: Deadline::from_millis(self.now.wall.as_millis().saturating_add(timeout_ms)),
            shop: self.connection.shop_name.clone(),
            store: self.connection.store,
        };
        let basket = is_basket.then(|| {
            let deadline = sent.deadline;
            self.basket.saved.checkout = Some(Checkout { order, deadline });
            self.basket.change()
        });
        self.orders.push(Purchase::new(sent.clone(), OrderState::Sending));
        vec![Effect::Send(Request::Buy {
            sent,
            resend: false,
            basket,
        })]
    }

    /// The lines of the dialog's order, with the current titles and costs.
    fn sent_lines(&self, dialog: &BuyDialog) -> Vec<SentLine> {
        let line = |item: ItemNumber, quantity: Quantity| {
            let book = self.books.get(item);
            SentLine {
                item,
                quantity,
                title: book.map(|book| book.title.to_string()),
                cost: book.map(|book| book.cost),
            }
        };
        match &dialog.goods {
            Goods::Book { item, copies, .. } => vec![line(*item, copies.quantity)],
            Goods::Basket { .. } => {
                let lines = self.basket.lines().iter();
                lines.map(|kept| line(kept.item, kept.quantity)).collect()
            }
        }
    }

    /// A message if the basket's total differs from the total that the dialog has shown.
    fn changed_total(&self, dialog: &BuyDialog) -> Option<String> {
        let Goods::Basket { cents } = dialog.goods else {
            return None;
        };
        let now = self.basket.total_cents(&self.books);
        (now != cents).then(|| {
            let [before, now] = [cents, now].map(format::amount);
            format!("Not bought: the total is now {now}, not {before}")
        })
    }
}

/// Changes the copies by a key; returns whether the key does that.
fn change_copies(copies: &mut Copies, key: Key) -> bool {
    match key {
        Key::Up | Key::Char('k') => copies.step(1),
        Key::Down | Key::Char('j') => copies.step(-1),
        Key::PageUp => copies.step(10),
        Key::PageDown => copies.step(-10),
        _ => return copies.handle_key(key),
    }
    true
}

//! The buying dialog. It never buys by accident: the focus starts on Cancel, the key that opened the dialog and held keys
//! never confirm, and no key sends an order again that is on its way.

use common::{Deadline, ItemNumber, Quantity, limits};

use super::dialog::{BuyDialog, Copies, DialogField, Goods};
use super::held_key::HeldKey;
use super::notices::Severity;
use super::orders::{OrderState, Purchase};
use super::overlay::Overlay;
use super::remote_data::LoadState;
use super::state::App;
use crate::basket_file::Checkout;
use crate::command::{Command, Screen};
use crate::effect::{Effect, Request};
use crate::format;
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
        let loading = self.books.get(item).is_none();
        let copies = Copies::new(quantity);
        self.push_dialog(Goods::Book { item, copies, loading }, by);
        let request = loading.then(|| Effect::Send(Request::Book(item)));
        request.into_iter().collect()
    }

    /// Opens the dialog with a fresh order id.
    pub(super) fn push_dialog(&mut self, goods: Goods, by: Option<Key>) {
        if let Some(order) = self.orders.next_order_id.take() {
            let dialog = BuyDialog {
                order,
                goods,
                field: DialogField::Cancel,
                confirmed: false,
                error: None,
                held_key: HeldKey::pressed(by, self.now.elapsed),
            };
            self.overlays.push(Overlay::Buy(Box::new(dialog)));
        }
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
            _ => self.basket_disabled_reason(),
        }
    }

    /// Why the dialog's order cannot be sent; `None` if it can.
    pub(crate) fn buy_disabled_reason(&self, dialog: &BuyDialog) -> Option<String> {
        let Goods::Book { item, copies, loading } = &dialog.goods else {
            return self.checkout_disabled_reason();
        };
        if let Some(why) = self.buying_disabled_reason() {
            return Some(why);
        }
        if self.orders.journal.state != LoadState::Ready {
            return Some("earlier orders are still being read".to_owned());
        }
        if *loading {
            return Some("the book is still being loaded".to_owned());
        }
        if self.books.get(*item).is_none() {
            return Some("the book has left the catalog".to_owned());
        }
        match self.books.stock(*item) {
            Some(0) => Some("none are left".to_owned()),
            Some(stock) if stock < copies.quantity.get() => Some(format!("only {stock} left")),
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
        let removable = self.offered_removals();
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        if dialog.held_key.ignores(key.key, now) || key.ctrl || key.alt {
            return Vec::new();
        }
        if dialog.confirmed {
            return self.handle_outcome_key(key, &removable);
        }
        match key.key {
            Key::Esc | Key::Char('q' | 'n') => return self.close_dialog(),
            Key::Char('x') if !key.repeat => return self.remove_offered(&removable),
            Key::Char('y') | Key::Enter if key.repeat || opens => {}
            Key::Char('y') => return self.confirm(Some(key.key)),
            Key::Enter => match dialog.field {
                DialogField::Cancel => return self.close_dialog(),
                DialogField::Buy => return self.confirm(Some(key.key)),
                DialogField::Remove => return self.remove_offered(&removable),
                DialogField::Quantity => {}
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

    /// A key of the dialog after its order was confirmed: closes it, or removes the books for which the basket was refused.
    fn handle_outcome_key(&mut self, key: KeyEvent, removable: &[ItemNumber]) -> Vec<Effect> {
        let Some(Overlay::Buy(dialog)) = self.overlays.last_mut() else {
            return Vec::new();
        };
        let purchase = self.orders.find(dialog.order);
        let is_pending = purchase.is_some_and(|purchase| purchase.state.is_pending());
        match key.key {
            Key::Esc | Key::Char('q') => self.close_dialog(),
            Key::Char('x') if !key.repeat => self.remove_offered(removable),
            Key::Enter | Key::Char(' ') if !is_pending && !key.repeat => match dialog.field {
                DialogField::Remove => self.remove_offered(removable),
                _ => self.close_dialog(),
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
        self.close_dialog();
        effects
    }

    pub(super) fn handle_dialog_click(&mut self, field: DialogField) -> Vec<Effect> {
        let removable = self.offered_removals();
        let Some(dialog) = self.buy_dialog() else {
            return Vec::new();
        };
        // The last frame may have shown a button that has gone.
        if !dialog.fields(!removable.is_empty()).any(|shown| shown == field) {
            return Vec::new();
        }
        dialog.field = field;
        match field {
            DialogField::Cancel => self.close_dialog(),
            DialogField::Buy => self.confirm(None),
            DialogField::Remove => self.remove_offered(&removable),
            DialogField::Quantity => Vec::new(),
        }
    }

    pub(super) fn handle_dialog_wheel(&mut self, up: bool) {
        let dialog = self.buy_dialog().filter(|dialog| !dialog.confirmed);
        if let Some(copies) = dialog.and_then(BuyDialog::copies_mut) {
            copies.step(if up { 1 } else { -1 });
        }
    }

    fn close_dialog(&mut self) -> Vec<Effect> {
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
                    // Holding the key confirms nothing.
                    dialog.held_key = held_key;
                }
                dialog.error = match &mut dialog.goods {
                    Goods::Book { copies, .. } => {
                        copies.stop_typing();
                        why
                    }
                    // What is confirmed next is what the dialog shows now.
                    Goods::Basket { cents } => {
                        *cents = total_cents;
                        changed
                    }
                };
                return Vec::new();
            }
            (dialog.confirmed, dialog.field, dialog.held_key) = (true, DialogField::Cancel, held_key);
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

    /// What the dialog orders, with the titles and costs of now.
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

    /// Says that the basket's total is another one than the dialog has shown so far.
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

/// Changes the copies by a key of the dialog; returns whether it is one.
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

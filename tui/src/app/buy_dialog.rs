//! The state of the buying dialog.

use common::{ItemNumber, OrderId, Quantity, limits};

use super::held_key::HeldKey;
use crate::input::Key;

#[derive(Debug, Clone)]
pub(crate) struct BuyDialog {
    /// The order's id, made when the dialog opened.
    pub(crate) order: OrderId,
    pub(crate) goods: Goods,
    pub(crate) field: BuyField,
    /// Whether the order was confirmed. Its state is in `Orders`.
    pub(crate) confirmed: bool,
    /// Why the last confirmation was refused.
    pub(crate) error: Option<String>,
    /// The key that opened the dialog or confirmed it.
    pub(super) held_key: HeldKey,
}

/// What the dialog buys.
#[derive(Debug, Clone)]
pub(crate) enum Goods {
    Book {
        item: ItemNumber,
        copies: Copies,
        /// Whether the request for the book has no answer yet.
        loading: bool,
    },
    /// The basket, for this total in cents; a changed total must be confirmed again.
    Basket { cents: u64 },
}

/// The number of copies, with the state of its keyboard input.
#[derive(Debug, Clone)]
pub(crate) struct Copies {
    pub(crate) quantity: Quantity,
    /// The wanted number of copies, if it exceeds the limit of an order.
    pub(crate) reduced_from: Option<u32>,
    /// Whether the next digit is appended to the number.
    typing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuyField {
    Cancel,
    Buy,
    /// Removes the books that cannot be bought from the basket.
    Remove,
    Quantity,
}

impl BuyDialog {
    /// The book and the number of copies; `None` if it buys the basket.
    pub(crate) fn book(&self) -> Option<(ItemNumber, &Copies)> {
        match &self.goods {
            Goods::Book { item, copies, .. } => Some((*item, copies)),
            Goods::Basket { .. } => None,
        }
    }

    pub(super) fn copies_mut(&mut self) -> Option<&mut Copies> {
        match &mut self.goods {
            Goods::Book { copies, .. } => Some(copies),
            Goods::Basket { .. } => None,
        }
    }

    /// The fields in the order of the focus. The basket's copies have no field: they are changed in the basket. The focused
    /// field stays.
    pub(crate) fn fields(&self, can_remove: bool) -> impl Iterator<Item = BuyField> {
        let has = move |field: &BuyField| match field {
            BuyField::Cancel => true,
            BuyField::Buy => !self.confirmed,
            BuyField::Remove => can_remove || self.field == BuyField::Remove,
            BuyField::Quantity => self.book().is_some() && !self.confirmed,
        };
        let all = [BuyField::Cancel, BuyField::Buy, BuyField::Remove, BuyField::Quantity];
        all.into_iter().filter(has)
    }

    /// Moves the focus to the next or the previous field.
    pub(super) fn move_focus(&mut self, forward: bool, can_remove: bool) {
        let fields: Vec<_> = self.fields(can_remove).collect();
        let at = fields.iter().position(|field| *field == self.field).unwrap_or(0);
        let step = if forward { 1 } else { fields.len() - 1 };
        self.field = fields.into_iter().cycle().nth(at + step).unwrap_or(BuyField::Cancel);
    }
}

impl Copies {
    pub(super) fn new(quantity: Quantity) -> Self {
        Self {
            quantity,
            reduced_from: None,
            typing: false,
        }
    }

    /// Changes the number by `+`, `-`, a digit or Backspace; returns whether the key is one of them.
    pub(super) fn handle_key(&mut self, key: Key) -> bool {
        match key {
            Key::Char('+' | '=') => self.step(1),
            Key::Char('-' | '_') => self.step(-1),
            Key::Backspace => {
                self.set(self.quantity.get() / 10);
                self.typing = self.quantity.get() >= 10;
            }
            Key::Char(c) if let Some(digit) = c.to_digit(10) => self.digit(digit),
            _ => return false,
        }
        true
    }

    pub(super) fn step(&mut self, by: i64) {
        self.stop_typing();
        let copies = i64::from(self.quantity.get()) + by;
        self.set(u32::try_from(copies.max(1)).unwrap_or(u32::MAX));
    }

    /// The next digit starts a new number.
    pub(super) fn stop_typing(&mut self) {
        self.typing = false;
    }

    fn set(&mut self, wanted: u32) {
        let copies = u64::from(wanted.clamp(1, limits::QUANTITY_MAX));
        if let Ok(quantity) = Quantity::try_from(copies) {
            self.quantity = quantity;
            self.reduced_from = (wanted > limits::QUANTITY_MAX).then_some(wanted);
        }
    }

    fn digit(&mut self, digit: u32) {
        let copies = if self.typing {
            self.quantity.get() * 10 + digit
        } else {
            digit
        };
        if copies > 0 {
            self.set(copies);
            self.typing = true;
        }
    }
}

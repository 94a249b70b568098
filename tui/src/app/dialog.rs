//! The state of the buying dialog.

use std::time::Duration;

use common::{ItemNumber, OrderId, Quantity, limits};

use crate::input::Key;

#[derive(Debug, Clone)]
pub(crate) struct BuyDialog {
    /// The order's id, made when the dialog opened.
    pub(crate) order: OrderId,
    pub(crate) item: ItemNumber,
    pub(crate) quantity: Quantity,
    pub(crate) field: DialogField,
    /// Whether the order was confirmed. Its state is in `Orders`.
    pub(crate) confirmed: bool,
    /// Why the last confirmation was refused.
    pub(crate) error: Option<String>,
    /// Whether the quantity is being typed digit by digit.
    pub(super) typing: bool,
    /// The key that opened the dialog or confirmed it, and when it was pressed last; held down, it is ignored.
    pub(super) ignored_key: Option<(Key, Duration)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialogField {
    Cancel,
    Buy,
    Quantity,
}

impl DialogField {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Cancel => Self::Buy,
            Self::Buy => Self::Quantity,
            Self::Quantity => Self::Cancel,
        }
    }
}

impl BuyDialog {
    pub(super) fn set_quantity(&mut self, copies: u32) {
        let copies = u64::from(copies.clamp(1, limits::QUANTITY_MAX));
        if let Ok(quantity) = Quantity::try_from(copies) {
            self.quantity = quantity;
            self.error = None;
        }
    }

    pub(super) fn change_quantity(&mut self, by: i64) {
        self.typing = false;
        let copies = i64::from(self.quantity.get()) + by;
        self.set_quantity(u32::try_from(copies.max(1)).unwrap_or(limits::QUANTITY_MAX));
    }

    pub(super) fn digit(&mut self, digit: u32) {
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

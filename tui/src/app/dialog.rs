//! The state of the buying dialog.

use common::{ItemNumber, OrderId, Quantity, limits};

use super::held_key::HeldKey;

#[derive(Debug, Clone)]
pub(crate) struct BuyDialog {
    /// The order's id, made when the dialog opened.
    pub(crate) order: OrderId,
    pub(crate) item: ItemNumber,
    pub(crate) quantity: Quantity,
    /// Whether the book was asked for and has not arrived.
    pub(crate) loading: bool,
    pub(crate) field: DialogField,
    /// Whether the order was confirmed. Its state is in `Orders`.
    pub(crate) confirmed: bool,
    /// The number of copies that was wanted, if it is more than an order can have.
    pub(crate) reduced_from: Option<u32>,
    /// Why the last confirmation was refused.
    pub(crate) error: Option<String>,
    /// Whether the quantity is being typed digit by digit.
    pub(super) typing: bool,
    /// The key that opened the dialog or confirmed it.
    pub(super) held_key: HeldKey,
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
    pub(super) fn set_quantity(&mut self, wanted: u32) {
        let copies = u64::from(wanted.clamp(1, limits::QUANTITY_MAX));
        if let Ok(quantity) = Quantity::try_from(copies) {
            self.quantity = quantity;
            self.error = None;
            self.reduced_from = (wanted > limits::QUANTITY_MAX).then_some(wanted);
        }
    }

    pub(super) fn change_quantity(&mut self, by: i64) {
        self.typing = false;
        let copies = i64::from(self.quantity.get()) + by;
        self.set_quantity(u32::try_from(copies.max(1)).unwrap_or(u32::MAX));
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

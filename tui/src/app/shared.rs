//! The shared state that the update functions of every screen may read and change.

use std::time::Duration;

use common::{ItemNumber, OrderId};

use super::basket::Basket;
use super::books::Books;
use super::connection::Connection;
use super::notices::{Notices, Severity};
use crate::now::Now;

/// The shared parts of the state, borrowed together with the part of one screen.
pub(super) struct Shared<'a> {
    pub(super) now: Now,
    pub(super) connection: &'a Connection,
    pub(super) books: &'a mut Books,
    pub(super) notices: &'a mut Notices,
    pub(super) basket: &'a Basket,
    /// The order of the open buying dialog, and its book if it buys only one.
    pub(super) dialog: Option<(OrderId, Option<ItemNumber>)>,
}

impl Shared<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.now.elapsed
    }

    pub(super) fn notify(&mut self, severity: Severity, text: &str) {
        self.notices.push(severity, text, self.now);
    }
}

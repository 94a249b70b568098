//! What every screen's update functions may read and change besides their own state.

use std::time::Duration;

use common::{ItemNumber, OrderId};

use super::books::Books;
use super::connection::Connection;
use super::notices::{Notices, Severity};
use crate::message::Now;

/// The shared parts of the state, borrowed beside one screen's part.
pub(super) struct Shared<'a> {
    pub(super) now: Now,
    pub(super) connection: &'a Connection,
    pub(super) books: &'a mut Books,
    pub(super) notices: &'a mut Notices,
    /// The order and the book of the open buying dialog.
    pub(super) dialog: Option<(OrderId, ItemNumber)>,
}

impl Shared<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.now.elapsed
    }

    pub(super) fn notify(&mut self, severity: Severity, text: &str) {
        self.notices.push(severity, text, self.now);
    }
}

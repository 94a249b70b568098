//! Every order of this person, from the moment it was confirmed to its receipt. An order whose answer was lost is asked
//! for with its own key until it is decided; it is never replaced by a second one.

use std::time::Duration;

use common::wire::{OrderStatus, Receipt};
use common::{Deadline, OrderId, Reason, Stock, Timestamp};

use super::remote_data::RemoteData;
use crate::journal::PlacedOrder;

/// The most orders kept on the screen; older ones stay in the file.
pub(super) const ORDERS_MAX: usize = 2_000;
/// The shortest and the longest wait before an unsettled order is asked for again.
const CHECK_MIN: Duration = Duration::from_millis(250);
const CHECK_MAX: Duration = Duration::from_secs(8);

/// The orders' screen.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// The newest first.
    pub list: Vec<Purchase>,
    /// The selected one.
    pub selected: usize,
    /// Whether its receipt is shown in place of the list, where there is no room for both.
    pub open: bool,
    /// How the reading of earlier orders stands.
    pub journal: RemoteData<()>,
    /// The id of the next order; the caller of [`super::update`] puts a fresh one here when it was taken.
    pub spare_id: Option<OrderId>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// As it was sent.
    pub placed: PlacedOrder,
    /// What became of it.
    pub state: OrderState,
    /// Whether one of its requests may have had an effect that nobody told us of.
    pub(super) may_have_applied: bool,
    /// How often it was asked for.
    pub(super) checks: u32,
    /// When it is asked for next.
    pub(super) next_check_at: Option<Duration>,
    /// Whether a question is on its way.
    pub(super) check_in_flight: bool,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// It was sent, or is being written down before that.
    Sending {
        /// Since when.
        since: Duration,
    },
    /// It may have happened; the shop is being asked.
    Unknown {
        /// What happened to the answer.
        why: String,
    },
    /// It was sold.
    Sold(Box<Receipt>),
    /// There were too few copies.
    SoldOut {
        /// What was on the shelf, where that is known.
        stock: Option<Stock>,
    },
    /// It was refused for another reason.
    Refused {
        /// Which.
        why: String,
    },
    /// It never happened.
    NotPlaced {
        /// Why.
        why: String,
    },
}

impl OrderState {
    /// Whether nothing more will become of it.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Sending { .. } | Self::Unknown { .. })
    }

    pub(super) fn of(receipt: Receipt) -> Self {
        match (receipt.status, receipt.reason) {
            (OrderStatus::Sold, _) => Self::Sold(Box::new(receipt)),
            (OrderStatus::Refused, Some(Reason::SoldOut)) => Self::SoldOut { stock: receipt.stock },
            (OrderStatus::Refused, _) => Self::Refused {
                why: "the shop has no such book".to_owned(),
            },
        }
    }
}

impl Purchase {
    /// An order in that state.
    pub fn new(placed: PlacedOrder, state: OrderState) -> Self {
        Self {
            placed,
            state,
            may_have_applied: false,
            checks: 0,
            next_check_at: None,
            check_in_flight: false,
        }
    }

    pub(super) fn schedule_check(&mut self, now: Duration) {
        let wait = CHECK_MIN.saturating_mul(1 << self.checks.min(5)).min(CHECK_MAX);
        self.checks = self.checks.saturating_add(1);
        self.next_check_at = Some(now + wait);
    }

    pub(super) fn deadline_passed(&self, now: Timestamp, margin_ms: u64) -> bool {
        Deadline::from_millis(self.placed.deadline.as_millis().saturating_add(margin_ms)).has_passed_at(now)
    }
}

impl Orders {
    /// The order of that id.
    pub fn find(&self, order: OrderId) -> Option<&Purchase> {
        self.list.iter().find(|purchase| purchase.placed.order == order)
    }

    pub(super) fn find_mut(&mut self, order: OrderId) -> Option<&mut Purchase> {
        self.list.iter_mut().find(|purchase| purchase.placed.order == order)
    }

    /// How many are not settled.
    pub fn unsettled(&self) -> usize {
        self.list.iter().filter(|purchase| !purchase.state.is_final()).count()
    }

    /// Whether somebody waits for an answer at this moment.
    pub(super) fn is_anything_on_its_way(&self) -> bool {
        self.list
            .iter()
            .any(|purchase| matches!(purchase.state, OrderState::Sending { .. }) || purchase.check_in_flight)
    }

    pub(super) fn push(&mut self, purchase: Purchase) {
        self.list.insert(0, purchase);
        self.list.truncate(ORDERS_MAX);
        if self.selected > 0 {
            self.selected = (self.selected + 1).min(self.list.len() - 1);
        }
    }

    /// When the next unsettled order is asked for.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.list.iter().filter_map(|purchase| purchase.next_check_at).min()
    }
}

//! Every order of this person, from the moment it was confirmed to its receipt. An order whose answer was lost is asked
//! for with its own key until it is decided; it is never replaced by a second one.

use std::time::Duration;

use common::wire::{OrderStatus, Receipt};
use common::{Deadline, OrderId, Reason, Stock, Timestamp};

use super::Data;
use crate::journal::Placed;

/// The most orders kept on the screen; older ones stay in the file.
pub(super) const ORDERS_MAX: usize = 2_000;
/// The shortest and the longest wait before an unsettled order is asked for again.
const ASK_MIN: Duration = Duration::from_millis(250);
const ASK_MAX: Duration = Duration::from_secs(8);

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
    pub memory: Data<()>,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// As it was sent.
    pub placed: Placed,
    /// What became of it.
    pub state: State,
    /// Whether one of its requests may have had an effect that nobody told us of.
    pub(super) uncertain: bool,
    /// How often it was asked for.
    pub(super) asks: u32,
    /// When it is asked for next.
    pub(super) ask_at: Option<Duration>,
    /// Whether a question is on its way.
    pub(super) asking: bool,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was sent, or is being written down before that.
    OnItsWay {
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

impl State {
    /// Whether nothing more will become of it.
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::OnItsWay { .. } | Self::Unknown { .. })
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
    pub fn new(placed: Placed, state: State) -> Self {
        Self {
            placed,
            state,
            uncertain: false,
            asks: 0,
            ask_at: None,
            asking: false,
        }
    }

    pub(super) fn ask_later(&mut self, now: Duration) {
        let wait = ASK_MIN.saturating_mul(1 << self.asks.min(5)).min(ASK_MAX);
        self.asks = self.asks.saturating_add(1);
        self.ask_at = Some(now + wait);
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
        self.list.iter().filter(|purchase| !purchase.state.is_settled()).count()
    }

    /// Whether somebody waits for an answer at this moment.
    pub(super) fn is_anything_on_its_way(&self) -> bool {
        self.list
            .iter()
            .any(|purchase| matches!(purchase.state, State::OnItsWay { .. }) || purchase.asking)
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
        self.list.iter().filter_map(|purchase| purchase.ask_at).min()
    }
}

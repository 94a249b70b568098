//! The state of the orders' screen: every order of this user, from its confirmation to its receipt.

use std::time::Duration;

use common::backoff::Backoff;
use common::wire::Receipt;
use common::{Deadline, OrderId, Timestamp};

use super::filter::Filter;
use super::remote_data::RemoteData;
use super::sanitize::sanitized;
use crate::journal::{NotSold, Outcome, SentOrder};

/// Most orders in memory; older ones stay in the journal.
pub(super) const ORDERS_MAX: usize = 2_000;
/// Delays between the lookups of a pending order.
const CHECK_BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(8));

#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    /// The orders, the newest first.
    pub(crate) list: Vec<Purchase>,
    /// The visible rows, as indices into `list`.
    pub(crate) rows: Vec<usize>,
    /// The selected row.
    pub(crate) selected: usize,
    pub(crate) sort: OrderColumn,
    /// Whether the rows are in the opposite order.
    pub(crate) sort_reversed: bool,
    pub(crate) filter: Option<Filter>,
    /// Whether keys scroll the receipt, which replaces the list if only one of them fits.
    pub(crate) open: bool,
    /// The first line of the receipt that is shown.
    pub(crate) receipt_scroll: usize,
    pub(crate) journal: RemoteData<()>,
    /// A fresh order id. The caller of [`super::update`] replaces it after use, because `update` generates none.
    pub(crate) next_order_id: Option<OrderId>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OrderColumn {
    /// The newest first.
    #[default]
    Time,
    Title,
    State,
    /// The largest first.
    Total,
}

impl OrderColumn {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Time => Self::Title,
            Self::Title => Self::State,
            Self::State => Self::Total,
            Self::Total => Self::Time,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Title => "title",
            Self::State => "state",
            Self::Total => "total",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// The order as it was sent.
    pub(crate) sent: SentOrder,
    pub(crate) state: OrderState,
    /// Whether a request whose answer was lost may have placed the order.
    pub(super) may_be_applied: bool,
    /// Number of lookups so far, for the backoff.
    pub(super) checks: u32,
    pub(super) next_check_at: Option<Duration>,
    pub(super) check_in_flight: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// The order is being recorded in the journal, or was sent.
    Sending,
    /// The answer was lost; the order is looked up.
    Unknown {
        why: String,
    },
    Sold(Box<Receipt>),
    NotSold(NotSold),
}

impl OrderState {
    /// Whether the order is not decided yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Self::Sending | Self::Unknown { .. })
    }

    /// The state that corresponds to a recorded outcome.
    pub(super) fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Undecided => Self::Unknown {
                why: "an earlier session ended before the answer came".to_owned(),
            },
            Outcome::Sold(receipt) => Self::Sold(Box::new(receipt)),
            Outcome::NotSold(not_sold) => Self::NotSold(NotSold {
                detail: sanitized(&not_sold.detail),
                ..not_sold
            }),
        }
    }

    /// The outcome to record.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Sending | Self::Unknown { .. } => Outcome::Undecided,
            Self::Sold(receipt) => Outcome::Sold(receipt.as_ref().clone()),
            Self::NotSold(not_sold) => Outcome::NotSold(not_sold.clone()),
        }
    }
}

impl Purchase {
    pub(crate) fn new(sent: SentOrder, state: OrderState) -> Self {
        Self {
            sent,
            state,
            may_be_applied: false,
            checks: 0,
            next_check_at: None,
            check_in_flight: false,
        }
    }

    /// An order that an earlier session or another program may have sent.
    pub(super) fn sent_before(mut sent: SentOrder, state: OrderState) -> Self {
        for title in sent.lines.iter_mut().filter_map(|line| line.title.as_mut()) {
            *title = sanitized(title);
        }
        sent.shop = sanitized(&sent.shop);
        Self {
            may_be_applied: true,
            ..Self::new(sent, state)
        }
    }

    pub(super) fn schedule_check(&mut self, now: Duration) {
        let delay = CHECK_BACKOFF.limit_after(self.checks);
        self.checks = self.checks.saturating_add(1);
        self.next_check_at = Some(now + delay);
    }

    pub(super) fn deadline_passed(&self, now: Timestamp, margin_ms: u64) -> bool {
        Deadline::from_millis(self.sent.deadline.as_millis().saturating_add(margin_ms)).has_passed_at(now)
    }
}

impl Orders {
    pub(crate) fn find(&self, order: OrderId) -> Option<&Purchase> {
        self.list.iter().find(|purchase| purchase.sent.order == order)
    }

    pub(super) fn find_mut(&mut self, order: OrderId) -> Option<&mut Purchase> {
        self.list.iter_mut().find(|purchase| purchase.sent.order == order)
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.list.iter().filter(|purchase| purchase.state.is_pending()).count()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.list
            .iter()
            .any(|purchase| purchase.state == OrderState::Sending || purchase.check_in_flight)
    }

    pub(super) fn push(&mut self, purchase: Purchase) {
        // If the first row was selected, the new order is selected; otherwise the selection stays on its order.
        let selected = self.selected().map(|purchase| purchase.sent.order);
        self.list.insert(0, purchase);
        self.list.truncate(ORDERS_MAX);
        self.rebuild_rows(selected.filter(|_| self.selected > 0));
    }

    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.list.iter().filter_map(|purchase| purchase.next_check_at).min()
    }
}

//! The order service: buying, receipts, order queries. It stores nothing: an order is its entry in the catalog's ledger.
//!
//! It sends a purchase again if the response was lost, and marks the copy `resent`, so that the catalog records even a
//! refusal and every copy gets the same response.

mod receipts;
mod routes;
mod sales;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::{self, CatalogClient};
use common::wire::{Order, Receipt, Sale};
use common::{Code, Deadline, OrderId, Problem, Seq};

pub use routes::routes;

/// Purchases that may wait for a batch.
const QUEUED_MAX: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Purchases in one batch.
const BATCH_MAX: NonZeroUsize = NonZeroUsize::new(common::limits::BATCH_ORDERS_MAX).unwrap();
/// Batches in flight. With two, batches are half as full and purchases a third fewer (`backend/bench`).
const IN_FLIGHT_MAX: NonZeroUsize = NonZeroUsize::MIN;
/// The timeout even of a late purchase: the catalog may have decided it earlier.
const TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// How an order ended.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderOutcome {
    /// The receipt, or the problem in its place.
    pub result: Result<Receipt, Problem>,
    /// Whether it repeats an earlier decision.
    pub replayed: bool,
}

impl OrderOutcome {
    fn new(problem: Problem) -> Self {
        Self {
            result: Err(problem),
            replayed: false,
        }
    }
}

/// A running order service.
#[derive(Debug)]
pub struct Orders {
    catalog: CatalogClient,
    batcher: Batcher<Sale, OrderOutcome>,
    head: Arc<AtomicU64>,
}

impl Orders {
    /// Over a catalog. Must run within a runtime.
    pub fn new(catalog: CatalogClient) -> Self {
        let head = Arc::<AtomicU64>::default();
        let limits = batcher::Limits {
            max_queued: QUEUED_MAX,
            max_batch: BATCH_MAX,
            max_in_flight: IN_FLIGHT_MAX,
        };
        let (seller, observed) = (catalog.clone(), Arc::clone(&head));
        let batcher = Batcher::new(limits, move |batch| {
            let seller = seller.clone();
            let sell = move |sales, deadline| {
                let seller = seller.clone();
                async move { seller.sell(&sales, deadline).await }
            };
            sales::sell_batch(sell, batch, Arc::clone(&observed))
        });
        Self { catalog, batcher, head }
    }

    /// The newest ledger entry that the service knows.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Relaxed))
    }

    /// Places orders that arrived together; the outcomes are in the same order.
    pub async fn place(&self, orders: &[Order]) -> Vec<OrderOutcome> {
        let sales: Vec<Sale> = orders.iter().map(sale).collect();
        let ids: Vec<OrderId> = sales.iter().map(|sale| sale.id).collect();
        let last = sales.iter().map(|sale| sale.deadline).max();
        // The batch continues after the timeout; only its outcome is unknown here.
        match tokio::time::timeout(last.map(timeout).unwrap_or_default(), self.batcher.call_all(sales)).await {
            Ok(results) => results
                .into_iter()
                .zip(ids)
                .map(|(result, id)| result.unwrap_or_else(|error| not_batched(error, id)))
                .collect(),
            Err(_) => ids.into_iter().map(unknown_outcome).collect(),
        }
    }

    fn observe_seq(&self, seq: Option<Seq>) {
        if let Some(seq) = seq {
            self.head.fetch_max(seq.0, Ordering::Relaxed);
        }
    }
}

fn sale(order: &Order) -> Sale {
    Sale {
        id: order.id.unwrap_or_else(OrderId::generate),
        item: order.item,
        quantity: order.quantity,
        keyed: order.keyed.unwrap_or(order.id.is_some()),
        resent: false,
        deadline: Deadline::clamped(order.deadline),
    }
}

fn timeout(deadline: Deadline) -> Duration {
    deadline.remaining().max(TIMEOUT_MIN)
}

fn not_batched(error: batcher::Error, order: OrderId) -> OrderOutcome {
    let detail = match error {
        batcher::Error::Full => "Too many purchases are waiting; nothing was bought. Try again.",
        batcher::Error::Closed => "The order service is stopping; nothing was bought.",
        batcher::Error::Lost => return unknown_outcome(order),
    };
    OrderOutcome::new(Problem::new(Code::Unavailable, detail))
}

fn unknown_outcome(order: OrderId) -> OrderOutcome {
    let detail = "There was no decision in time. Send the same key again, or look the order up, to learn the outcome.";
    OrderOutcome::new(Problem::new(Code::DeadlineExceeded, detail).with_order(Some(order)))
}

/// The problem of a read that failed at the catalog.
fn read_problem(error: client::Error) -> Problem {
    match error {
        client::Error::Problem(problem) => *problem,
        error => {
            tracing::warn!(%error, "the catalog cannot be reached");
            Problem::new(Code::Unavailable, "The catalog cannot be reached; try again.")
        }
    }
}

//! The order service: buying, receipts, order queries. It keeps nothing: an order is its entry in the catalog's ledger.
//!
//! It alone sends a purchase again when the answer was lost, and says so (`resent`), so that the catalog records even a
//! refusal and every copy gets the same answer.

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

/// Purchases that may wait for their turn.
const QUEUE: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Purchases in one request.
const BATCH: NonZeroUsize = NonZeroUsize::new(common::limits::BATCH_ORDERS_MAX).unwrap();
/// Calls on their way at the same time. With two, batches were half as full and purchases a third fewer (`backend/bench`).
const FLIGHTS: NonZeroUsize = NonZeroUsize::MIN;
/// What even a late purchase waits for: the catalog may know the answer from earlier.
const PATIENCE_MIN: Duration = Duration::from_millis(500);

/// How an order ended.
pub type Placed = Result<Receipt, Problem>;

/// A decided order, and whether it was decided before.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The receipt, or the problem that stands in for it.
    pub placed: Placed,
    /// Whether it repeats an earlier decision.
    pub replayed: bool,
}

/// A running order service.
#[derive(Debug)]
pub struct Orders {
    catalog: CatalogClient,
    batcher: Batcher<Sale, Settled>,
    head: Arc<AtomicU64>,
}

impl Orders {
    /// Over that catalog. Must run within a runtime.
    pub fn new(catalog: CatalogClient) -> Self {
        let head = Arc::<AtomicU64>::default();
        let limits = batcher::Limits {
            max_queued: QUEUE,
            max_batch: BATCH,
            max_in_flight: FLIGHTS,
        };
        let (seller, seen) = (catalog.clone(), Arc::clone(&head));
        let batcher = Batcher::new(limits, move |batch| {
            sales::carry_out(seller.clone(), batch, Arc::clone(&seen))
        });
        Self { catalog, batcher, head }
    }

    /// The last entry of the ledger that was heard of.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Relaxed))
    }

    /// Places orders that arrived together; what became of them comes in their order.
    pub async fn place(&self, orders: &[Order]) -> Vec<Settled> {
        let sales: Vec<Sale> = orders.iter().map(sale).collect();
        let about: Vec<_> = sales.iter().map(|sale| (sale.id, sale.deadline)).collect();
        let last = about.iter().map(|&(_, deadline)| deadline).max();
        let patience = last.map(patience).unwrap_or_default();
        // The work goes on when the patience ends; only the answer is then "nobody knows yet".
        match tokio::time::timeout(patience, self.batcher.call_all(sales)).await {
            Ok(results) => results
                .into_iter()
                .zip(about)
                .map(|(settled, (order, _))| settled.unwrap_or_else(|error| not_taken(error, order)))
                .collect(),
            Err(_) => about.into_iter().map(|(order, _)| too_late(order)).collect(),
        }
    }

    fn note(&self, seq: Option<Seq>) {
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

fn patience(deadline: Deadline) -> Duration {
    deadline.remaining().max(PATIENCE_MIN)
}

fn not_taken(error: batcher::Error, order: OrderId) -> Settled {
    match error {
        batcher::Error::Full => unavailable("Too many purchases are waiting; nothing was bought. Try again."),
        batcher::Error::Closed => unavailable("The order service is stopping; nothing was bought."),
        batcher::Error::Lost => too_late(order),
    }
}

fn unavailable(detail: &str) -> Settled {
    Settled {
        placed: Err(Problem::new(Code::Unavailable, detail)),
        replayed: false,
    }
}

/// Nobody knows: the order is to be asked for.
fn too_late(order: OrderId) -> Settled {
    let detail = "There was no decision in time. Ask with the same key, or for the order, what became of it.";
    Settled {
        placed: Err(Problem::new(Code::DeadlineExceeded, detail).with_order(Some(order))),
        replayed: false,
    }
}

/// What a failed read of the catalog is to whoever asked here.
fn unreadable(error: client::Error) -> Problem {
    match error {
        client::Error::Problem(problem) => *problem,
        error => {
            tracing::warn!(%error, "the catalog did not answer");
            Problem::new(Code::Unavailable, "The catalog cannot be reached; try again.")
        }
    }
}

//! The order service: buying, receipts, order queries. It stores nothing: an order is its entries in the catalog's ledger.
//!
//! It sends a purchase again if the response was lost, and marks the copy `resent`, so that the catalog records even a
//! refusal and every copy gets the same response.

mod ledger_position;
mod receipts;
mod routes;
mod sales;

use std::sync::Arc;
use std::time::Duration;

use common::batcher::{self, Batcher};
use common::client::CatalogClient;
use common::wire::{BatchProblem, Order, OrderResult, Sale};
use common::{Code, Deadline, OrderId, Position, Problem};
use tokio_util::sync::CancellationToken;

use ledger_position::LedgerPosition;
pub(crate) use routes::routes;

use crate::neighbours::Neighbours;
use crate::purchase::{BATCH_LIMITS, unknown_outcome};

/// The timeout even of a late purchase: the catalog may have decided it earlier.
const SALE_TIMEOUT_MIN: Duration = Duration::from_millis(500);

/// A running order service.
#[derive(Debug)]
pub(crate) struct Orders {
    catalog: CatalogClient,
    batcher: Batcher<Sale, OrderResult>,
    position: Arc<LedgerPosition>,
    neighbours: Arc<Neighbours>,
}

impl Orders {
    /// Over a catalog. Must run within a runtime.
    pub(crate) fn new(catalog: CatalogClient, stopping: CancellationToken) -> Self {
        let position = Arc::<LedgerPosition>::default();
        let neighbours = Arc::new(Neighbours::new(catalog.endpoint(), None));
        let watched = Arc::clone(&position);
        Arc::clone(&neighbours).watch(stopping, move |report| watched.observe_report(report));
        let (seller, observed) = (catalog.clone(), Arc::clone(&position));
        let batcher = Batcher::new(
            BATCH_LIMITS,
            |sale: &Sale| sale.lines.len(),
            move |batch| {
                let seller = seller.clone();
                let sell = move |sales, deadline| {
                    let seller = seller.clone();
                    async move { seller.sell(&sales, deadline).await }
                };
                sales::sell_batch(sell, batch, Arc::clone(&observed))
            },
        );
        Self {
            catalog,
            batcher,
            position,
            neighbours,
        }
    }

    /// The newest ledger entry that the service knows.
    pub(crate) fn head(&self) -> Position {
        self.position.head()
    }

    /// Places orders that arrived together; one result for each, in order.
    pub(crate) async fn place(&self, orders: &[Order]) -> Vec<OrderResult> {
        let sales: Vec<Sale> = orders.iter().map(sale).collect();
        let ids: Vec<OrderId> = sales.iter().map(|sale| sale.id).collect();
        let last = sales.iter().map(|sale| sale.deadline).max();
        // The batch continues after the timeout; only its outcome is unknown here.
        match tokio::time::timeout(last.map(timeout).unwrap_or_default(), self.batcher.call_all(sales)).await {
            Ok(results) => {
                let results = results.into_iter().zip(ids);
                results
                    .map(|(result, id)| result.unwrap_or_else(|error| not_batched(error, id)))
                    .collect()
            }
            Err(_) => ids.into_iter().map(unknown).collect(),
        }
    }
}

fn sale(order: &Order) -> Sale {
    Sale {
        id: order.id.unwrap_or_else(OrderId::generate),
        lines: order.lines.clone(),
        keyed: order.keyed.unwrap_or(order.id.is_some()),
        resent: false,
        deadline: Deadline::clamped(order.deadline),
    }
}

fn timeout(deadline: Deadline) -> Duration {
    deadline.remaining().max(SALE_TIMEOUT_MIN)
}

fn not_batched(error: batcher::Error, order: OrderId) -> OrderResult {
    let detail = match error {
        batcher::Error::Full => "Too many purchases are waiting; nothing was bought. Try again.",
        batcher::Error::Closed => "The order service is stopping; nothing was bought.",
        batcher::Error::Lost => return unknown(order),
    };
    failed(Problem::new(Code::Unavailable, detail))
}

fn unknown(order: OrderId) -> OrderResult {
    failed(unknown_outcome(Some(order)))
}

/// The result of an order without a decision.
fn failed(problem: Problem) -> OrderResult {
    let replayed = false;
    OrderResult::Problem(BatchProblem { problem, replayed })
}

//! The order service: buying, receipts, order queries. It stores nothing: an order consists of its entries in the catalog's
//! ledger.
//!
//! If a response is lost, it sends the purchase again, marked `resent`. The catalog recognizes it by its order id and records
//! even a refusal, so that every request with that id gets the same decision.

mod in_process;
mod ledger_position;
mod receipts;
mod routes;
mod sales;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use common::client::Catalog;
use common::wire::{BatchProblem, Order, OrderResult, OrderResults, Sale, SaleBatch};
use common::{Code, Deadline, OrderId, Position, Problem, Timestamp};
use tokio_util::sync::CancellationToken;

use ledger_position::LedgerPosition;
pub(crate) use routes::routes;
use sales::BatchOutcome;

use crate::client_response::unknown_outcome;
use crate::dependencies::Dependencies;
use crate::detach_on_drop::DetachOnDrop;

/// A running order service.
#[derive(Debug)]
pub(crate) struct OrderService {
    catalog: Arc<dyn Catalog>,
    position: Arc<LedgerPosition>,
    dependencies: Arc<Dependencies>,
}

impl OrderService {
    /// Must run within a runtime.
    pub(crate) fn new(catalog: Arc<dyn Catalog>, stopping: CancellationToken) -> Self {
        let position = Arc::<LedgerPosition>::default();
        let dependencies = Arc::new(Dependencies::new(Arc::clone(&catalog), None));
        let watched = Arc::clone(&position);
        Arc::clone(&dependencies).watch(stopping, move |report| watched.observe_report(report));
        Self {
            catalog,
            position,
            dependencies,
        }
    }

    /// The newest ledger entry that the service knows.
    pub(crate) fn head(&self) -> Position {
        self.position.head()
    }

    /// Places an order, even if the returned future is dropped.
    pub(crate) fn place(self: &Arc<Self>, order: Order) -> DetachOnDrop<OrderResult> {
        let (service, id) = (Arc::clone(self), order.id);
        DetachOnDrop::new(async move {
            let result = service.sell([order]).await.results.pop();
            let lost = || {
                failed(Problem::new(Code::Internal, "The outcome of the order is unknown; look it up.").with_order(id))
            };
            result.unwrap_or_else(lost)
        })
    }

    /// Places a batch of orders, even if the returned future is dropped. Returns one result for each, in order, and the entries
    /// that they added to the ledger, as far as the catalog's answers were received.
    pub(crate) fn place_batch(self: &Arc<Self>, orders: Vec<Order>) -> DetachOnDrop<OrderResults> {
        let service = Arc::clone(self);
        DetachOnDrop::new(async move {
            let BatchOutcome {
                results,
                store,
                entries,
            } = service.sell(orders).await;
            let Position { epoch, seq: head } = service.head();
            OrderResults {
                results: results.into_vec(),
                head,
                epoch,
                store,
                entries: entries.into_vec(),
            }
        })
    }

    async fn sell(&self, orders: impl IntoIterator<Item = Order>) -> BatchOutcome {
        let now = Timestamp::now();
        let sales = orders.into_iter().map(|order| sale(order, now));
        let sell = |SaleBatch { sales }: SaleBatch, deadline| self.catalog.sell(sales, deadline);
        sales::sell_batch(sell, sales, now, Arc::clone(&self.position)).await
    }
}

fn sale(order: Order, now: Timestamp) -> Sale {
    Sale {
        keyed: order.keyed.unwrap_or(order.id.is_some()),
        id: order.id.unwrap_or_else(OrderId::generate),
        lines: order.lines,
        resent: false,
        deadline: Deadline::clamped(order.deadline, now),
    }
}

fn unknown(order: OrderId) -> OrderResult {
    failed(unknown_outcome(Some(order)))
}

/// The result of an order without a decision.
fn failed(problem: Problem) -> OrderResult {
    let replayed = false;
    OrderResult::Problem(BatchProblem { problem, replayed })
}

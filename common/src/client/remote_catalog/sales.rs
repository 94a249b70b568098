//! The batches of sales that a client sends to a catalog.

use super::super::batches::{BATCH_LIMITS, not_accepted};
use super::super::context::{RequestContext, call_for_batch};
use super::super::{Error, Method, Request, Result, ServiceEndpoint};
use crate::Deadline;
use crate::batcher::Batcher;
use crate::metrics::BatchMetrics;
use crate::wire::{Decisions, Sale, SaleBatch};

/// The sales of one call, which are sent in the same batch.
struct SaleCall {
    sales: Vec<Sale>,
    deadline: Deadline,
    context: RequestContext,
}

/// Sends sales in batches over a separate connection: while one batch is in flight, the next one fills.
#[derive(Clone)]
pub(super) struct SaleBatcher(Batcher<SaleCall, Result<Decisions>>);

impl SaleBatcher {
    /// Must be called within a runtime.
    pub(super) fn new(endpoint: &ServiceEndpoint) -> Self {
        let endpoint = endpoint.with_own_connection();
        let send = move |batch| send(endpoint.clone(), batch);
        let lines = |call: &SaleCall| call.sales.iter().map(|sale| sale.lines.len()).sum();
        Self(Batcher::new(BATCH_LIMITS, lines, send))
    }

    /// The metrics of the batches, and the number of queued lines.
    pub(super) fn metrics(&self) -> (&BatchMetrics, usize) {
        (self.0.metrics(), self.0.queued())
    }

    /// Sends sales, at most once, and waits until `deadline` for their decisions. `url` appears in errors.
    pub(super) async fn sell(&self, url: &str, sales: Vec<Sale>, deadline: Deadline) -> Result<Decisions> {
        let context = RequestContext::current();
        let call = SaleCall {
            sales,
            deadline,
            context,
        };
        match tokio::time::timeout(deadline.remaining(), self.0.call(call)).await {
            Ok(decided) => decided.map_err(|error| not_accepted(url, error))?,
            Err(_) => Err(Error::lost(url, "no answer in time")),
        }
    }
}

/// Sends a batch of sales, at most once. Returns the decisions of each call.
async fn send(endpoint: ServiceEndpoint, batch: Vec<SaleCall>) -> Vec<Result<Decisions>> {
    let deadline = batch.iter().map(|call| call.deadline).max();
    let counts: Vec<usize> = batch.iter().map(|call| call.sales.len()).collect();
    let (sales, contexts): (Vec<_>, Vec<_>) = batch.into_iter().map(|call| (call.sales, call.context)).unzip();
    let sales: Vec<Sale> = sales.into_iter().flatten().collect();
    let count = sales.len();
    let request = Request::new(Method::POST, "/sales").fast_json(&SaleBatch { sales });
    let request = request.timeout(deadline.map(Deadline::remaining).unwrap_or_default());
    let answered = call_for_batch("batch of sales", count, contexts, endpoint.send_once(&request)).await;
    let decided = answered.and_then(|response| {
        let decided: Decisions = response.parse_fast()?;
        match decided.decisions.len() == count {
            true => Ok(decided),
            false => Err(Error::malformed(&response.url, "not one decision for each sale")),
        }
    });
    match decided {
        Ok(decided) => split(decided, &counts),
        Err(error) => vec![Err(error); counts.len()],
    }
}

/// Splits the decisions of a batch into those of calls with these numbers of sales.
fn split(batch: Decisions, counts: &[usize]) -> Vec<Result<Decisions>> {
    let mut decisions = batch.decisions.into_iter();
    let call = |&count| {
        Ok(Decisions {
            decisions: decisions.by_ref().take(count).collect(),
            ..batch
        })
    };
    counts.iter().map(call).collect()
}

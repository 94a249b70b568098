//! The batches of sales that a client sends to a catalog.

use super::super::batches::{BATCH_LIMITS, not_accepted};
use super::super::context::{RequestContext, call_for_batch};
use super::super::{Error, Method, Request, Result, ServiceEndpoint};
use crate::batcher::Batcher;
use crate::metrics::BatchMetrics;
use crate::wire::{Decision, Decisions, Sale, SaleBatch};
use crate::{Deadline, Position, StoreId};

/// A sale, the deadline of its call, and the context of its request.
type SaleCall = (Sale, Deadline, RequestContext);
type SaleResult = Result<(Decision, Position, StoreId)>;

/// Sends sales in batches over a separate connection: while one batch is in flight, the next one fills.
#[derive(Clone)]
pub(super) struct SaleBatcher(Batcher<SaleCall, SaleResult>);

impl SaleBatcher {
    /// Must be called within a runtime.
    pub(super) fn new(endpoint: &ServiceEndpoint) -> Self {
        let endpoint = endpoint.with_own_connection();
        let send = move |batch| send(endpoint.clone(), batch);
        Self(Batcher::new(
            BATCH_LIMITS,
            |(sale, ..): &SaleCall| sale.lines.len(),
            send,
        ))
    }

    /// The metrics of the batches, and the number of queued sales.
    pub(super) fn metrics(&self) -> (&BatchMetrics, usize) {
        (self.0.metrics(), self.0.queued())
    }

    /// Sends sales, at most once, and waits until `deadline` for their decisions. `url` appears in errors.
    pub(super) async fn sell(&self, url: &str, sales: Vec<Sale>, deadline: Deadline) -> Result<Decisions> {
        let context = RequestContext::current();
        let calls = sales.into_iter().map(|sale| (sale, deadline, context.clone()));
        let called = tokio::time::timeout(deadline.remaining(), self.0.call_all(calls)).await;
        let results = called.map_err(|_| Error::lost(url, "no answer in time"))?.into_iter();
        let results = results.map(|result| result.map_err(|error| not_accepted(url, error))?);
        join(url, results.collect())
    }
}

/// Joins the decisions of sales that may be sent in several batches. If only some sales are decided, the outcome is unknown.
fn join(url: &str, results: Vec<SaleResult>) -> Result<Decisions> {
    let is_not_applied = |result: &SaleResult| result.as_ref().is_err_and(Error::is_not_applied);
    let nothing_applied = results.iter().all(is_not_applied);
    let mut decisions = Vec::with_capacity(results.len());
    let mut last = None;
    for result in results {
        let (decision, head, store) = match result {
            Err(error) if error.is_not_applied() && !nothing_applied => {
                return Err(Error::lost(url, format!("not all sales were decided: {error}")));
            }
            result => result?,
        };
        decisions.push(decision);
        last = last.filter(|&(newest, _)| newest > head).or(Some((head, store)));
    }
    let (Position { epoch, seq: head }, store) = last.ok_or_else(|| Error::malformed(url, "a batch without sales"))?;
    Ok(Decisions {
        decisions,
        head,
        epoch,
        store,
    })
}

/// Sends a batch of sales, at most once.
async fn send(endpoint: ServiceEndpoint, batch: Vec<SaleCall>) -> Vec<SaleResult> {
    let deadline = batch.iter().map(|&(_, deadline, _)| deadline).max();
    let (sales, contexts): (Vec<_>, Vec<_>) = batch.into_iter().map(|(sale, _, context)| (sale, context)).unzip();
    let count = sales.len();
    let request = Request::new(Method::POST, "/sales").fast_json(&SaleBatch { sales });
    let request = request.timeout(deadline.map(Deadline::remaining).unwrap_or_default());
    let answered = call_for_batch("batch of sales", contexts, endpoint.send_once(&request)).await;
    let decided = answered.and_then(|response| {
        let decided: Decisions = response.parse_fast()?;
        let (head, store) = (decided.position(), decided.store);
        let results = decided
            .decisions
            .into_iter()
            .map(|decision| Ok((decision, head, store)));
        match results.len() == count {
            true => Ok(results.collect()),
            false => Err(Error::malformed(&response.url, "not one decision for each sale")),
        }
    });
    decided.unwrap_or_else(|error| vec![Err(error); count])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batcher;
    use crate::wire::Outcome;
    use crate::{InlineVec, OrderId, Seq};

    #[test]
    fn the_outcome_of_partly_decided_sales_is_unknown() {
        let decided = |seq: u64| {
            let decision = Decision {
                order: OrderId::generate(),
                outcome: Outcome::Expired,
                replayed: false,
                entries: InlineVec::new(),
                refused: InlineVec::new(),
            };
            Ok((decision, Position::from(Seq(seq)), StoreId::generate()))
        };
        let refused = || Err(not_accepted("http://catalog", batcher::Error::Full));
        let lost = || Err(Error::lost("http://catalog", "closed"));
        let join = |results| join("http://catalog", results);
        assert_eq!(join(vec![decided(4), decided(7), decided(5)]).unwrap().head, Seq(7));
        assert!(join(vec![refused(), refused()]).unwrap_err().is_not_applied());
        for results in [
            vec![decided(4), refused()],
            vec![refused(), decided(4)],
            vec![refused(), lost()],
            vec![lost(), decided(4)],
        ] {
            assert!(!join(results).unwrap_err().is_not_applied());
        }
    }
}

//! The order service behind HTTP.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batches::{BATCH_LIMITS, not_accepted};
use super::context::{RequestContext, call_for_batch};
use super::message::parse_json;
use super::orders::{AppendedEntries, Orders, Placed, PlacedOrder};
use super::remote_catalog::{foreign_answers, found};
use super::{AsOf, Call, Error, Freshness, Method, Probe, Request, Result, ServiceClient, ServiceEndpoint};
use crate::batcher::Batcher;
use crate::metrics::BatchMetrics;
use crate::wire::{BatchReceipt, Order, OrderBatch, OrderResult, OrderResultLines, Receipt};
use crate::{Code, Deadline, Epoch, Incident, OrderId, Position, Seq, StoreId};

/// The shortest timeout, even of a late order: the catalog may have decided it earlier.
const PLACE_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// Added to the last deadline of a batch, so that the service's own `deadline-exceeded` arrives in time.
const ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// An order, and the context of its request.
type OrderCall = (Order, RequestContext);

/// The HTTP client of an order service with one instance or several. Sends orders in batches: while one is in flight, the next
/// one fills.
#[derive(Debug, Clone)]
pub struct RemoteOrders {
    endpoint: ServiceEndpoint,
    orders: Batcher<OrderCall, Result<Placed>>,
    foreign_answers: Arc<Incident>,
}

impl RemoteOrders {
    /// A client of the order service at `endpoint`. Must be called within a runtime.
    pub fn new(endpoint: ServiceEndpoint) -> Self {
        let endpoint = endpoint.between_services();
        // One batch is in flight at a time, so a separate connection suffices.
        let batches = endpoint.with_own_connection();
        let place = move |batch| place(batches.clone(), batch);
        Self {
            orders: Batcher::new(BATCH_LIMITS, |(order, _): &OrderCall| order.lines.len(), place),
            endpoint,
            foreign_answers: Arc::new(foreign_answers()),
        }
    }

    async fn place(&self, order: Order) -> Result<Placed> {
        let url = self.endpoint.url();
        let timeout = timeout(order.deadline) + ANSWER_MARGIN;
        match tokio::time::timeout(timeout, self.orders.call((order, RequestContext::current()))).await {
            Ok(placed) => placed.map_err(|error| not_accepted(url, error))?,
            Err(_) => Err(Error::lost(url, "no answer in time")),
        }
    }
}

fn timeout(deadline: Option<Deadline>) -> Duration {
    deadline
        .map(Deadline::remaining)
        .unwrap_or_default()
        .max(PLACE_TIMEOUT_MIN)
}

/// Sends a batch of orders, at most once.
async fn place(endpoint: ServiceEndpoint, batch: Vec<OrderCall>) -> Vec<Result<Placed>> {
    let count = batch.len();
    let (orders, contexts): (Vec<Order>, Vec<RequestContext>) = batch.into_iter().unzip();
    let timeout = timeout(orders.iter().filter_map(|order| order.deadline).max());
    let request = Request::new(Method::POST, "/orders").fast_json(&OrderBatch { orders });
    let request = request.timeout(timeout + ANSWER_MARGIN);
    let answered = call_for_batch("batch of orders", count, contexts, endpoint.send_once(&request)).await;
    let placed = answered.and_then(|response| {
        let placed = response.parse_with(|_| parse_batch(&response.body))?;
        match placed.len() == count {
            true => Ok(placed.into_iter().map(Ok).collect()),
            false => Err(Error::malformed(&response.url, "not one result for each order")),
        }
    });
    placed.unwrap_or_else(|error| vec![Err(error); count])
}

impl ServiceClient for RemoteOrders {
    fn probe(&self) -> BoxFuture<'_, Vec<Probe>> {
        self.endpoint.probe().boxed()
    }

    fn batches(&self) -> Option<(&BatchMetrics, usize)> {
        Some((self.orders.metrics(), self.orders.queued()))
    }
}

impl Orders for RemoteOrders {
    fn place(&self, order: Order) -> Call<'_, Placed> {
        self.place(order).boxed()
    }

    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<Option<Receipt>>> {
        let call = async move {
            let response = self.endpoint.get(&format!("/orders/{order}"), fresh).await?;
            found(&self.foreign_answers, &response, Code::UnknownOrder)
        };
        call.boxed()
    }
}

/// The results of a batch in any other JSON layout than [`OrderResultLines`].
#[derive(Deserialize)]
struct RawResults<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    head: Seq,
    #[serde(default)]
    epoch: Epoch,
    #[serde(default)]
    store: Option<StoreId>,
    #[serde(borrow, default)]
    entries: Option<&'a RawValue>,
}

/// The answers to a batch, in the order of its orders.
fn parse_batch(body: &Bytes) -> std::result::Result<Vec<Placed>, String> {
    let OrderResultLines {
        results,
        position,
        store,
        entries,
    } = match OrderResultLines::split(body) {
        Some(lines) => lines,
        None => {
            let raw: RawResults<'_> = parse_json(body)?;
            OrderResultLines {
                results: raw.results.into_iter().map(|result| result.get().as_bytes()).collect(),
                position: Position {
                    epoch: raw.epoch,
                    seq: raw.head,
                },
                store: raw.store,
                entries: raw.entries.map_or(b"", |entries| entries.get().as_bytes()),
            }
        }
    };
    let written = store.map(|store| Arc::new(AppendedEntries::new(store, body.slice_ref(entries))));
    let placed = |result| {
        Ok(Placed {
            result: parse_result(result, body)?,
            position,
            written: written.clone(),
        })
    };
    results.into_iter().map(placed).collect()
}

// JSON escapes quotes in strings, so these bytes match only a field of the receipt, never a part of a title.
static SOLD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""status":"sold""#));
static REPLAYED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""replayed":"#));

fn parse_result(result: &[u8], body: &Bytes) -> std::result::Result<PlacedOrder, String> {
    if SOLD.find(result).is_some() && REPLAYED.find(result).is_none() {
        return Ok(PlacedOrder::Json(body.slice_ref(result)));
    }
    Ok(match parse_json(result)? {
        OrderResult::Receipt(BatchReceipt { replayed: false, .. }) => PlacedOrder::Json(body.slice_ref(result)),
        result => PlacedOrder::Result(result),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::OrderResults;

    #[test]
    fn a_new_receipt_keeps_its_bytes_and_everything_else_is_parsed() {
        let receipt = r#"{"order":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e","status":"sold","item":2,"title":"A","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}"#;
        let again = receipt
            .replace(r#""seq":5"#, r#""seq":3"#)
            .replace("}", r#","replayed":true}"#);
        let problem = r#"{"type":"about:blank","title":"Sold out","status":409,"code":"sold-out","detail":"None is left.","item":2,"stock":0}"#;
        let entry = r#"{"seq":5,"at":"2026-01-31T12:00:00.000000Z","kind":"sold","item":2,"quantity":1,"change":-1}"#;
        let store = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f";
        let end = format!(r#""head":6,"epoch":1,"store":"{store}","entries":[{entry}]}}"#);
        let body = format!(r#"{{"results":[{receipt},{again},{problem}],{end}"#);
        let lines = serde_json::from_str::<OrderResults>(&body).unwrap().to_json_lines();
        let lines = String::from_utf8(lines).unwrap();
        assert_ne!(lines, body);
        for body in [body, lines] {
            let batch = parse_batch(&body.into()).unwrap();
            let [sold, replayed, refused] = &batch[..] else {
                panic!("{batch:?}");
            };
            assert_eq!(sold.result, PlacedOrder::Json(receipt.into()));
            let PlacedOrder::Result(OrderResult::Receipt(replayed)) = &replayed.result else {
                panic!("{replayed:?}");
            };
            assert!(replayed.receipt.seq == Seq(3) && replayed.replayed);
            let PlacedOrder::Result(OrderResult::Problem(problem)) = &refused.result else {
                panic!("{refused:?}");
            };
            assert_eq!(problem.problem.code, Code::SoldOut);
            for placed in &batch {
                assert_eq!(placed.position, "6.1".parse().unwrap());
                let written = placed.written.as_deref().unwrap();
                assert_eq!(
                    (written.store.to_string().as_str(), written.entries().len()),
                    (store, 1)
                );
            }
        }
        assert_eq!(
            parse_batch(&Bytes::from("{\"results\":[\n\n],\"head\":6}")),
            Ok(Vec::new())
        );
        assert!(parse_batch(&Bytes::from("{}")).is_err());
    }

    #[test]
    fn invalid_entries_do_not_make_the_outcome_of_a_batch_unknown() {
        let store = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4f";
        let end = format!(r#""head":6,"store":"{store}","entries":[7]}}"#);
        let body = format!("{{\"results\":[\n{{\"status\":\"sold\"}}\n],{end}");
        let batch = parse_batch(&body.into()).unwrap();
        assert_eq!(batch[0].result, PlacedOrder::Json(r#"{"status":"sold"}"#.into()));
        assert_eq!(batch[0].written.as_deref().unwrap().entries(), []);
    }
}

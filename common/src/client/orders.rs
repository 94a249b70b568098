//! The client of the order service.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::parse_json;
use super::{Freshness, Method, Request, ServiceEndpoint};
use crate::wire::{BatchProblem, BatchReceipt, OrderBatch, OrderResult, OrderResultLines, Receipt};
use crate::{Deadline, Epoch, OrderId, Position, Seq};

/// Added to the last order's deadline, so that the service's own `deadline-exceeded` arrives in time.
const ORDER_ANSWER_MARGIN: Duration = Duration::from_millis(250);

/// The client of one order service or of its copies.
#[derive(Debug, Clone)]
pub struct OrderClient {
    endpoint: ServiceEndpoint,
    /// For the batches, which are sent one after the other.
    batches: ServiceEndpoint,
}

impl OrderClient {
    /// A client of the order service at that endpoint.
    pub fn new(endpoint: ServiceEndpoint) -> Self {
        let endpoint = endpoint.between_services();
        Self {
            batches: endpoint.with_own_connection(),
            endpoint,
        }
    }

    /// Where its requests are sent.
    pub fn endpoint(&self) -> &ServiceEndpoint {
        &self.endpoint
    }

    /// Places a batch of orders, sent at most once.
    /// After an error without [`is_not_applied`](super::Error::is_not_applied), the orders may have been decided.
    pub async fn place(&self, orders: &OrderBatch, deadline: Deadline) -> super::Result<PlacedBatch> {
        let request = Request::new(Method::POST, "/orders").fast_json(orders);
        let request = request.timeout(deadline.remaining() + ORDER_ANSWER_MARGIN);
        let response = self.batches.send_once(&request).await?;
        response.parse_with(|_| PlacedBatch::parse(&response.body))
    }

    /// One order's receipt.
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> super::Result {
        self.endpoint.get(&format!("/orders/{order}"), fresh).await
    }
}

/// The results of a batch, in the order of its orders.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedBatch {
    /// One for each order.
    pub results: Vec<RawOrderResult>,
    /// The ledger's head after the batch.
    pub head: Position,
}

/// The result of one order.
#[derive(Debug, Clone, PartialEq)]
pub enum RawOrderResult {
    /// Sold: the receipt's bytes, which are passed on to the client without being parsed.
    Sold(Bytes),
    /// Sold before: the same receipt.
    Replayed(Receipt),
    /// Not sold, or unknown.
    Problem(BatchProblem),
}

#[derive(Deserialize)]
struct RawResults<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    head: Seq,
    #[serde(default)]
    epoch: Epoch,
}

impl PlacedBatch {
    fn parse(body: &Bytes) -> Result<Self, String> {
        let OrderResultLines { results, head } = match OrderResultLines::split(body) {
            Some(lines) => lines,
            // Another JSON writer's format.
            None => {
                let RawResults {
                    results,
                    head: seq,
                    epoch,
                } = parse_json(body)?;
                let results = results.into_iter().map(|result| result.get().as_bytes()).collect();
                let head = Position { epoch, seq };
                OrderResultLines { results, head }
            }
        };
        let results = results.into_iter().map(|result| RawOrderResult::parse(result, body));
        let results = results.collect::<Result<_, _>>()?;
        Ok(Self { results, head })
    }
}

// JSON escapes a quote within a string: these bytes are a field of the receipt, never a part of a title.
static SOLD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""status":"sold""#));
static REPLAYED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""replayed":"#));

impl RawOrderResult {
    fn parse(result: &[u8], body: &Bytes) -> Result<Self, String> {
        if SOLD.find(result).is_some() && REPLAYED.find(result).is_none() {
            return Ok(Self::Sold(body.slice_ref(result)));
        }
        Ok(match parse_json(result)? {
            OrderResult::Receipt(BatchReceipt {
                receipt,
                replayed: true,
            }) => Self::Replayed(receipt),
            OrderResult::Receipt(_) => Self::Sold(body.slice_ref(result)),
            OrderResult::Problem(problem) => Self::Problem(problem),
        })
    }
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
        let body = format!(r#"{{"results":[{receipt},{again},{problem}],"head":6,"epoch":1}}"#);
        let lines = serde_json::from_str::<OrderResults>(&body).unwrap().to_json_lines();
        let lines = String::from_utf8(lines).unwrap();
        assert_ne!(lines, body);
        for body in [body, lines, String::from("{\"results\":[\n\n],\"head\":6,\"epoch\":1}")] {
            let batch = PlacedBatch::parse(&body.clone().into()).unwrap();
            assert_eq!(batch.head, "6.1".parse().unwrap());
            let [
                RawOrderResult::Sold(json),
                RawOrderResult::Replayed(replayed),
                RawOrderResult::Problem(refused),
            ] = &batch.results[..]
            else {
                assert!(batch.results.is_empty() && !body.contains("order"), "{batch:?}");
                continue;
            };
            assert_eq!(json.as_ref(), receipt.as_bytes());
            assert_eq!(replayed.seq, Seq(3));
            assert_eq!(refused.problem.code, crate::Code::SoldOut);
        }
        assert!(PlacedBatch::parse(&Bytes::from("{}")).is_err());
    }
}

//! The order service, as a front-end sees it.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Error, Freshness, Method, Request, Response, ServiceEndpoint, read_json};
use crate::wire::{BatchProblem, BatchReceipt, OrderBatch as Batch, OrderResult, OrderResultLines, Receipt};
use crate::{Deadline, OrderId, Seq};

/// An order service, or several copies of one.
#[derive(Debug, Clone)]
pub struct OrderClient {
    peer: ServiceEndpoint,
    /// For what never stops coming: one batch at a time, at less cost.
    line: ServiceEndpoint,
}

impl OrderClient {
    /// At those addresses.
    pub fn new(peer: ServiceEndpoint) -> Self {
        Self {
            line: peer.with_own_connection(),
            peer,
        }
    }

    /// Where it is asked first.
    pub fn url(&self) -> &str {
        self.peer.url()
    }

    /// Places a batch of orders, sent at most once.
    ///
    /// # Errors
    /// See [`Error`]; where it is not [definite](Error::is_definite), the orders may have been decided.
    pub async fn place(&self, orders: &Batch, deadline: Deadline) -> Result<PlacedBatch, Error> {
        // A little longer than the last order's deadline, so that the service's own "too late" arrives.
        let timeout = deadline.remaining() + std::time::Duration::from_millis(250);
        let request = Request::new(Method::POST, "/orders").batch(orders).timeout(timeout);
        PlacedBatch::of(&self.line.send_once(&request).await?)
    }

    /// One order's receipt.
    ///
    /// # Errors
    /// See [`Error`]; an answer that is a problem is an answer here.
    pub async fn find_order(&self, order: OrderId, fresh: Freshness) -> Result<Response, Error> {
        self.peer
            .send_idempotent(&Request::get(format!("/orders/{order}")).fresh(fresh))
            .await
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// See [`Error`]; the problem `unavailable` where it is up but not ready.
    pub async fn ready(&self) -> Result<Response, Error> {
        self.peer.send_idempotent(&Request::get("/readyz")).await
    }
}

/// What became of the orders of a batch, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedBatch {
    /// One for each order.
    pub results: Vec<PlacedOrder>,
    /// The ledger's head after the batch.
    pub head: Seq,
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq)]
pub enum PlacedOrder {
    /// Sold: the receipt as it goes on to the client, its bytes untouched.
    Sold(Bytes),
    /// Sold before: the same receipt.
    Replayed(Receipt),
    /// Not sold, or nobody knows.
    Problem(BatchProblem),
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    head: Seq,
}

impl PlacedBatch {
    fn of(answer: &Response) -> Result<Self, Error> {
        if !answer.is_success() {
            // Never a batch.
            return Err(match answer.parse::<serde_json::Value>() {
                Err(error) => error,
                Ok(_) => answer.malformed("a batch that is none"),
            });
        }
        let OrderResultLines { results, head } = match OrderResultLines::split(&answer.body) {
            Some(lines) => lines,
            None => raw(&answer.body).map_err(|why| answer.malformed(&why))?,
        };
        let results = results.into_iter().map(|result| PlacedOrder::of(result, &answer.body));
        Ok(Self {
            results: results
                .collect::<Result<_, _>>()
                .map_err(|why| answer.malformed(&why))?,
            head,
        })
    }
}

/// The results of a batch that another program wrote in its own way.
fn raw(body: &[u8]) -> Result<OrderResultLines<'_>, String> {
    let Raw { results, head } = read_json(body)?;
    let results = results.into_iter().map(|result| result.get().as_bytes()).collect();
    Ok(OrderResultLines { results, head })
}

/// A quote within a string is escaped: so these bytes are a field of a receipt, never a part of a text.
static SOLD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""status":"sold""#));
static REPLAYED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""replayed":"#));

impl PlacedOrder {
    fn of(result: &[u8], body: &Bytes) -> Result<Self, String> {
        if SOLD.find(result).is_some() && REPLAYED.find(result).is_none() {
            return Ok(Self::Sold(body.slice_ref(result)));
        }
        Ok(match read_json(result)? {
            OrderResult::Receipt(BatchReceipt {
                receipt,
                replayed: true,
            }) => Self::Replayed(receipt),
            OrderResult::Receipt(_) => Self::Sold(body.slice_ref(result)),
            OrderResult::Problem(refused) => Self::Problem(refused),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::OrderResults;

    #[test]
    fn a_receipt_goes_on_as_it_came_and_the_rest_is_understood() {
        let receipt = r#"{"order":"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e","status":"sold","item":2,"title":"A","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}"#;
        let again = receipt
            .replace(r#""seq":5"#, r#""seq":3"#)
            .replace("}", r#","replayed":true}"#);
        let problem = r#"{"type":"about:blank","title":"Sold out","status":409,"code":"sold-out","detail":"None is left.","item":2,"stock":0}"#;
        let answer = |status, body: String| Response {
            status,
            seq: None,
            etag: None,
            replayed: false,
            body: body.into(),
            url: "http://x".to_owned(),
        };
        let body = format!(r#"{{"results":[{receipt},{again},{problem}],"head":6}}"#);
        let lines = serde_json::from_str::<OrderResults>(&body).unwrap().to_json_lines();
        let lines = String::from_utf8(lines).unwrap();
        assert_ne!(lines, body);
        for body in [body, lines, String::from("{\"results\":[\n\n],\"head\":6}")] {
            let batch = PlacedBatch::of(&answer(200, body.clone())).unwrap();
            assert_eq!(batch.head, Seq(6));
            let [
                PlacedOrder::Sold(json),
                PlacedOrder::Replayed(replayed),
                PlacedOrder::Problem(refused),
            ] = &batch.results[..]
            else {
                assert!(batch.results.is_empty() && !body.contains("order"), "{batch:?}");
                continue;
            };
            assert_eq!(json.as_ref(), receipt.as_bytes());
            assert_eq!(replayed.seq, Seq(3));
            assert_eq!(refused.problem.code, crate::Code::SoldOut);
        }
        assert!(matches!(
            PlacedBatch::of(&answer(409, problem.to_owned())),
            Err(Error::Problem(_))
        ));
        assert!(matches!(
            PlacedBatch::of(&answer(200, "{}".to_owned())),
            Err(Error::Malformed { .. })
        ));
    }
}

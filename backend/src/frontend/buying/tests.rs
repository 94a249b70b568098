use common::Quantity;
use common::client::CatalogClient;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixture::{at, endpoint, item};
use crate::token::Token;

fn one() -> OrderLines {
    OrderLines::one(item(2), Quantity::ONE)
}

fn order(deadline: Deadline) -> Order {
    Order {
        id: Some(OrderId::generate()),
        lines: one(),
        keyed: Some(true),
        deadline: Some(deadline),
    }
}

fn codes(placed: &[Placed]) -> Vec<(Code, Option<OrderId>)> {
    let code = |(placed, _): &Placed| match placed {
        RawOrderResult::Problem(BatchProblem { problem, .. }) => (problem.code, problem.order),
        placed => panic!("{placed:?} is a receipt"),
    };
    placed.iter().map(code).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_once_with_its_last_deadline() {
    let [soon, later] = [2, 9].map(|seconds| Deadline::after(Duration::from_secs(seconds)));
    let batch = vec![order(later), order(soon)];
    let expected = batch.clone();
    let placed = place(batch, async move |sent: OrderBatch, deadline: Deadline| {
        assert_eq!(sent.orders, expected);
        assert!(deadline > soon && deadline <= Deadline::after(Duration::from_secs(9)));
        Ok(PlacedBatch {
            results: vec![RawOrderResult::Sold("{}".into()), RawOrderResult::Sold("{}".into())],
            head: at(7),
        })
    });
    let heads: Vec<_> = placed.await.into_iter().map(|(_, head)| head).collect();
    assert_eq!(heads, [Some(at(7)), Some(at(7))]);
}

#[tokio::test(start_paused = true)]
async fn orders_of_a_lost_batch_have_an_unknown_outcome_and_those_of_a_refused_batch_none() {
    let (url, why) = ("http://orders".to_owned(), "the connection closed".to_owned());
    let late = order(Deadline::from_millis(1));
    let lost = Error::Lost {
        url: url.clone(),
        why: why.clone(),
    };
    let placed = place(vec![late.clone()], async |_, deadline: Deadline| {
        assert!(!deadline.has_passed(), "the service may have decided it earlier");
        Err(lost)
    });
    assert_eq!(codes(&placed.await), [(Code::DeadlineExceeded, late.id)]);
    let refused = Error::Unreachable { url, why };
    let placed = place(vec![late], async |_, _| Err(refused));
    assert_eq!(codes(&placed.await), [(Code::Unavailable, None)]);
}

/// A front-end whose order service accepts connections and never responds.
fn frontend_over(listener: &std::net::TcpListener) -> Frontend {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (catalog, orders) = (CatalogClient::new(endpoint(&url)), OrderClient::new(endpoint(&url)));
    Frontend::new(catalog, orders, Token::fixed(None), CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn a_late_purchase_waits_only_if_its_key_may_have_been_decided() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let frontend = frontend_over(&silent);
    let late = Some(Deadline::from_millis(1));
    for (key, waits) in [(None, false), (Some(OrderId::generate()), true)] {
        let start = tokio::time::Instant::now();
        let response = frontend.buy(one(), key, late).await;
        let status = response.unwrap_or_else(Response::from).status();
        assert_eq!(status, Code::DeadlineExceeded.status());
        assert_eq!(start.elapsed() >= PLACE_TIMEOUT_MIN, waits);
        assert!(start.elapsed() <= PLACE_TIMEOUT_MIN + RESPONSE_SLACK + Duration::from_millis(1));
    }
}

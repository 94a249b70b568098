use common::client::{CatalogClient, ServiceEndpoint, http_client};
use tokio_util::sync::CancellationToken;

use super::*;

fn order(deadline: Deadline) -> Order {
    Order {
        id: Some(OrderId::generate()),
        item: ItemNumber::try_from(2).unwrap(),
        quantity: Quantity::ONE,
        keyed: Some(true),
        deadline: Some(deadline),
    }
}

fn codes(outcomes: &[Outcome]) -> Vec<(Code, Option<OrderId>)> {
    let code = |(placed, _): &Outcome| match placed {
        PlacedOrder::Problem(BatchProblem { problem, .. }) => (problem.code, problem.order),
        placed => panic!("{placed:?} is a receipt"),
    };
    outcomes.iter().map(code).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_once_with_its_last_deadline() {
    let (soon, later) = (
        Deadline::after(Duration::from_secs(2)),
        Deadline::after(Duration::from_secs(9)),
    );
    let batch = vec![order(later), order(soon)];
    let expected = batch.clone();
    let outcomes = place(batch, async move |sent: OrderBatch, deadline: Deadline| {
        assert_eq!(sent.orders, expected);
        assert!(deadline > soon && deadline <= Deadline::after(Duration::from_secs(9)));
        Ok(PlacedBatch {
            results: vec![PlacedOrder::Sold("{}".into()), PlacedOrder::Sold("{}".into())],
            head: Seq(7),
        })
    });
    let heads: Vec<_> = outcomes.await.into_iter().map(|(_, head)| head).collect();
    assert_eq!(heads, [Some(Seq(7)), Some(Seq(7))]);
}

#[tokio::test(start_paused = true)]
async fn orders_of_a_lost_batch_have_an_unknown_outcome_and_those_of_a_refused_batch_none() {
    let (url, why) = ("http://orders".to_owned(), "the connection closed".to_owned());
    let late = order(Deadline::from_millis(1));
    let lost = Error::Lost {
        url: url.clone(),
        why: why.clone(),
    };
    let outcomes = place(vec![late.clone()], async |_, deadline: Deadline| {
        assert!(!deadline.has_passed(), "the service may have decided it earlier");
        Err(lost)
    });
    assert_eq!(codes(&outcomes.await), [(Code::DeadlineExceeded, late.id)]);
    let refused = Error::Unreachable { url, why };
    let outcomes = place(vec![late], async |_, _| Err(refused));
    assert_eq!(codes(&outcomes.await), [(Code::Unavailable, None)]);
}

/// A front-end whose order service accepts connections and never responds.
fn frontend_over(listener: &std::net::TcpListener) -> Frontend {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = ServiceEndpoint::parse(http_client().unwrap(), &url).unwrap();
    let (catalog, orders) = (CatalogClient::new(endpoint.clone()), OrderClient::new(endpoint));
    Frontend::new(catalog, orders, None, CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn a_late_purchase_waits_only_if_its_key_may_have_been_decided() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let frontend = frontend_over(&silent);
    let (item, late) = (ItemNumber::try_from(2).unwrap(), Some(Deadline::from_millis(1)));
    for (key, waits) in [(None, false), (Some(OrderId::generate()), true)] {
        let start = tokio::time::Instant::now();
        let error = frontend.buy(item, Quantity::ONE, key, late).await.unwrap_err();
        assert_eq!(error.code(), Code::DeadlineExceeded);
        assert_eq!(start.elapsed() >= TIMEOUT_MIN, waits);
        assert!(start.elapsed() <= TIMEOUT_MIN + RESPONSE_SLACK + Duration::from_millis(1));
    }
}

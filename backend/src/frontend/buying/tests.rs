use std::sync::Arc;
use std::time::Duration;

use common::Quantity;
use common::client::{RemoteCatalog, RemoteOrders};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixture::{endpoint, item};
use crate::token::Token;

/// The minimum timeout of a purchase after its deadline whose key may have been decided.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// A front-end whose order service accepts connections and never responds.
fn frontend_over(listener: &std::net::TcpListener) -> Frontend {
    let endpoint = endpoint(&format!("http://{}", listener.local_addr().unwrap()));
    let (catalog, orders) = (RemoteCatalog::new(endpoint.clone()), RemoteOrders::new(endpoint));
    Frontend::new(
        Arc::new(catalog),
        Arc::new(orders),
        Token::fixed(None),
        CancellationToken::new(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_purchase_after_its_deadline_waits_only_if_its_key_may_have_been_decided() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let frontend = frontend_over(&silent);
    let late = Some(Deadline::from_millis(1));
    for (key, waits) in [(None, false), (Some(OrderId::generate()), true)] {
        let start = tokio::time::Instant::now();
        let lines = OrderLines::one(item(2), Quantity::ONE);
        let response = frontend.buy(lines, key, late).await;
        let status = response.unwrap_or_else(Response::from).status();
        assert_eq!(status, Code::DeadlineExceeded.status());
        assert_eq!(start.elapsed() >= WAIT_MIN, waits);
        assert!(start.elapsed() <= WAIT_MIN + Duration::from_millis(251));
    }
}

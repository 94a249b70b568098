use std::time::Duration;

use common::Quantity;
use common::client::RemoteCatalog;
use common::wire::OrderLines;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::fixture::{endpoint, item};

/// Receives the next batch of sales and closes the connection without an answer; returns the batch.
async fn lost_sales(listener: &TcpListener) -> String {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut request, mut buffer) = (String::new(), [0; 4096]);
        while !request.ends_with("]}") {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => request.push_str(str::from_utf8(&buffer[..read]).unwrap()),
                _ => break,
            }
            if request.starts_with("GET") {
                break;
            }
        }
        if request.starts_with("POST /sales ") {
            return request;
        }
    }
}

#[tokio::test]
async fn an_order_whose_caller_was_dropped_is_sent_again_after_a_lost_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let catalog = RemoteCatalog::new(endpoint(&format!("http://{}", listener.local_addr().unwrap())));
    let service = Arc::new(OrderService::new(Arc::new(catalog), CancellationToken::new()));
    let order = Order {
        id: Some(OrderId::generate()),
        lines: OrderLines::one(item(2), Quantity::ONE),
        keyed: Some(true),
        deadline: Some(Deadline::after(Duration::from_secs(20))),
    };
    let first = tokio::select! {
        _ = service.place(order) => panic!("the order got an answer"),
        first = lost_sales(&listener) => first,
    };
    assert!(
        first.contains("\"resent\":false") || !first.contains("resent"),
        "{first}"
    );
    let second = lost_sales(&listener).await;
    assert!(second.contains("\"resent\":true"), "{second}");
}

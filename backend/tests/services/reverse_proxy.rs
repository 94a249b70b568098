//! A shop behind nginx with Debian's configuration and one `proxy_pass`: purchases and live stock.

use std::time::Duration;

use common::client::{ServiceEndpoint, ShopClient, ShopEvent, http_client};
use common::wire::{OrderLines, Receipt};
use common::{Deadline, ItemNumber, OrderId, Quantity};
use testing::nginx::Nginx;

use crate::fixture::start_shop;

#[tokio::test]
async fn behind_nginx_with_its_default_configuration_a_sale_is_live() {
    let (shop, client) = start_shop();
    let Some(proxy) = Nginx::start(shop.process.url("frontend")) else {
        return;
    };
    let endpoint = ServiceEndpoint::parse(http_client().unwrap(), &proxy.url()).unwrap();
    let proxied = ShopClient::new(endpoint, None);
    // Fails after some seconds without data: with buffering, nginx would hold `hello` back until it has some kilobytes.
    let mut events = proxied.events(None).await.unwrap();
    let (item, key) = (ItemNumber::try_from(2).unwrap(), OrderId::generate());
    let deadline = Deadline::after(Duration::from_secs(5));
    let bought = proxied.buy(OrderLines::one(item, Quantity::ONE), Some(key), deadline);
    let receipt: Receipt = bought.await.unwrap().parse().unwrap();
    assert_eq!(receipt.order, key);
    let ShopEvent::Stock(event) = events.next().await.unwrap() else {
        panic!("the first event is not `hello`")
    };
    assert_eq!((event.item, event.stock.get(), event.seq), (item, 499, receipt.seq));
    assert_eq!(client.get("/search?item=2").await.json()["stock"], 499);
}

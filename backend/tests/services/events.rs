//! Live events: every change reaches every reader once and in order, and a reader can resume where it stopped.

use common::client::{EventStream, ServiceEndpoint, ShopClient, ShopEvent};
use common::wire::StockEvent;
use common::{ItemNumber, Seq};

use testing::{Process, ReservedAddress};

use crate::bookstored::{start, start_each};
use crate::client::Client;
use crate::fixture::{StoreFixture, start_shop};

fn reader(shop: &Process) -> ShopClient {
    let http = common::client::http_client().unwrap();
    ShopClient::new(ServiceEndpoint::parse(http, shop.url("frontend")).unwrap(), None)
}

async fn next_stock(events: &mut EventStream<ShopEvent>) -> StockEvent {
    loop {
        if let ShopEvent::Stock(event) = events.next().await.unwrap() {
            return event;
        }
    }
}

#[tokio::test]
async fn a_reader_gets_hello_and_then_each_sale() {
    let (shop, client) = start_shop();
    let mut events = reader(&shop.process).events(None).await.unwrap();
    assert_eq!(events.hello().seq, Seq(4));
    let receipt = client.buy(2, 3, None).await.json();
    let event = next_stock(&mut events).await;
    assert_eq!(Some(event.seq.0), receipt["seq"].as_u64());
    assert_eq!((event.item.get(), event.stock.get(), event.change), (2, 497, -3));
}

#[tokio::test]
async fn a_reader_that_resumes_misses_nothing_and_gets_nothing_twice() {
    let (shop, client) = start_shop();
    for _ in 0..10 {
        client.buy(1, 1, None).await;
    }
    let mut events = reader(&shop.process).events(Some(Seq(9).into())).await.unwrap();
    let (mut seq, mut sum) = (Seq(9), 0);
    while seq < Seq(14) {
        let event = next_stock(&mut events).await;
        assert!(event.seq > seq);
        assert_eq!(event.item, ItemNumber::try_from(1).unwrap());
        (seq, sum) = (event.seq, sum + event.change);
    }
    assert_eq!(sum, -5);
}

#[tokio::test]
async fn a_reader_ahead_of_the_head_gets_resync_and_a_malformed_position_is_refused() {
    let (shop, client) = start_shop();
    let mut events = reader(&shop.process).events(Some(Seq(99).into())).await.unwrap();
    assert_eq!(events.hello().seq, Seq(4));
    assert!(matches!(events.next().await.unwrap(), ShopEvent::Resync(resync) if resync.seq == Seq(4)));
    let malformed = client.get("/events?after=x").await;
    assert_eq!(malformed.summary(), "400 invalid-request");
}

#[tokio::test]
async fn readers_get_upstream_events_while_the_catalog_is_unreachable_and_miss_no_sale() {
    let store = StoreFixture::csv();
    let reserved = ReservedAddress::new().unwrap();
    let address = reserved.to_string();
    let services = start_each(&store.url, &address);
    let client = Client::of(&services.frontend, "frontend");
    let mut events = reader(&services.frontend).events(None).await.unwrap();
    client.buy(1, 1, None).await;
    assert_eq!(next_stock(&mut events).await.stock.get(), 399);
    drop(services.catalog);
    while !matches!(events.next().await.unwrap(), ShopEvent::Upstream(status) if !status.live) {}
    assert_eq!(client.buy(1, 1, None).await.summary(), "503 unavailable");
    let _catalog = start(&["catalog", "--store", &store.url, "--listen", &address]);
    while !matches!(events.next().await.unwrap(), ShopEvent::Upstream(status) if status.live) {}
    assert_eq!(client.buy(1, 1, None).await.json()["stock"], 398);
    assert_eq!(next_stock(&mut events).await.stock.get(), 398);
}

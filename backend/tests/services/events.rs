//! Live events: every change reaches every reader, once, in order, and a reader can go on where it stopped.

use common::client::{EventStream, ServiceEndpoint, ShopClient, ShopEvent};
use common::wire::StockEvent;
use common::{ItemNumber, Seq};

use crate::shop::{Customer, Process, Store};

fn reader(shop: &Process) -> ShopClient {
    let http = common::client::http_client().unwrap();
    ShopClient::new(ServiceEndpoint::parse(http, &shop.url("frontend")).unwrap(), None)
}

async fn next_stock(events: &mut EventStream<ShopEvent>) -> StockEvent {
    loop {
        if let ShopEvent::Stock(moved) = events.next().await.unwrap() {
            return moved;
        }
    }
}

#[tokio::test]
async fn a_reader_is_greeted_and_then_sees_each_sale() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    let mut events = reader(&shop).events(None).await.unwrap();
    assert_eq!(events.hello().seq, Seq(4));
    let receipt = customer.buy(2, 3, None).await.json();
    let moved = next_stock(&mut events).await;
    assert_eq!(Some(moved.seq.0), receipt["seq"].as_u64());
    assert_eq!((moved.item.get(), moved.stock.get(), moved.change), (2, 497, -3));
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let store = Store::new();
    let shop = store.open_all();
    let customer = Customer::of(&shop, "frontend");
    for _ in 0..10 {
        customer.buy(1, 1, None).await;
    }
    let mut events = reader(&shop).events(Some(Seq(9))).await.unwrap();
    let (mut seq, mut sum) = (Seq(9), 0);
    while seq < Seq(14) {
        let moved = next_stock(&mut events).await;
        assert!(moved.seq > seq);
        assert_eq!(moved.item, ItemNumber::try_from(1).unwrap());
        (seq, sum) = (moved.seq, sum + moved.change);
    }
    assert_eq!(sum, -5);
}

#[tokio::test]
async fn a_reader_from_the_future_or_with_a_bad_place_is_told_so() {
    let store = Store::new();
    let shop = store.open_all();
    let mut events = reader(&shop).events(Some(Seq(99))).await.unwrap();
    assert_eq!(events.hello().seq, Seq(4));
    assert!(matches!(events.next().await.unwrap(), ShopEvent::Resync(resync) if resync.seq == Seq(4)));
    let customer = Customer::of(&shop, "frontend");
    assert_eq!(
        customer.get("/events?after=x").await.verdict(),
        (400, "invalid-request".into())
    );
}

#[tokio::test]
async fn readers_learn_that_the_catalog_is_lost_and_back_and_miss_nothing_of_it() {
    let store = Store::new();
    let catalog = Process::start(&["catalog", "--store", &store.url(), "--listen", "127.0.0.1:0"]);
    let (url, address) = (catalog.url("catalog"), catalog.address("catalog"));
    let order = Process::start(&["order", "--listen", "127.0.0.1:0", "--catalog-url", &url]);
    let orders = order.url("order");
    let front = Process::start(&[
        "frontend",
        "--listen",
        "127.0.0.1:0",
        "--catalog-url",
        &url,
        "--order-url",
        &orders,
    ]);
    let customer = Customer::of(&front, "frontend");
    let mut events = reader(&front).events(None).await.unwrap();
    customer.buy(1, 1, None).await;
    assert_eq!(next_stock(&mut events).await.stock.get(), 399);
    catalog.kill();
    while !matches!(events.next().await.unwrap(), ShopEvent::Upstream(source) if !source.live) {}
    assert_eq!(customer.buy(1, 1, None).await.verdict(), (503, "unavailable".into()));
    let _catalog = Process::start(&["catalog", "--store", &store.url(), "--listen", &address]);
    while !matches!(events.next().await.unwrap(), ShopEvent::Upstream(source) if source.live) {}
    assert_eq!(customer.buy(1, 1, None).await.json()["stock"], 398);
    assert_eq!(next_stock(&mut events).await.stock.get(), 398);
}

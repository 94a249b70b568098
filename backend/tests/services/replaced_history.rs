//! A store that lost entries which the catalog or a front-end has read: another history replaces the known one.

use std::fs;

use common::client::{EventStream, RemoteCatalog, ServiceEndpoint, ShopClient, ShopEvent};
use common::{Position, Seq};
use testing::postgres::Server;
use testing::{Process, ReservedAddress, eventually};

use crate::bookstored::{ANY_PORT, start, start_all, start_each};
use crate::client::{AUTHORIZED, Client, key};
use crate::database::{NO_CACHE, fixture, wait_until_ready};
use crate::fixture::StoreFixture;

/// Rolls the database back to an earlier entry, as a failover to an asynchronous standby does. The lost entries must be
/// sales of book 1.
fn take_back(fixture: &StoreFixture, server: &Server, to: u64, copies: u64) {
    let schema = fixture.schema();
    server.sql(&format!(
        "SET search_path TO {schema}; BEGIN; DELETE FROM ledger WHERE seq > {to}; \
         UPDATE books SET stock = stock + {copies}, seq = {to} WHERE item = 1; COMMIT"
    ));
}

fn endpoint(shop: &Process, service: &str) -> ServiceEndpoint {
    ServiceEndpoint::parse(common::client::http_client().unwrap(), shop.url(service)).unwrap()
}

async fn events_after(shop: &Process, after: Option<Position>) -> EventStream<ShopEvent> {
    let shop = ShopClient::new(endpoint(shop, "frontend"), None);
    shop.events(after).await.unwrap()
}

async fn events(shop: &Process) -> EventStream<ShopEvent> {
    events_after(shop, None).await
}

fn position(text: &str) -> Position {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_the_database_lost_are_dropped_and_the_store_gets_another_id() {
    let Some((fixture, server)) = fixture() else { return };
    let shop = fixture.start_all();
    let client = Client::of(&shop, "frontend");
    wait_until_ready(&client).await;
    let keys = [key(), key(), key()];
    for key in &keys {
        assert_eq!(client.buy(1, 1, Some(key)).await.status, 200);
    }
    assert_eq!(client.stock(1).await, 397);
    let mut stream = events(&shop).await;
    let before = stream.hello();
    take_back(&fixture, &server, 5, 2);
    while !matches!(stream.next().await.unwrap(), ShopEvent::Resync(_)) {}
    let after = events(&shop).await.hello();
    assert_ne!(after.store, before.store);
    assert_eq!(client.stock(1).await, 399);
    assert_eq!(
        client.get(&format!("/orders/{}", keys[2])).await.summary(),
        "404 unknown-order"
    );
    assert_eq!(client.get(&format!("/orders/{}", keys[0])).await.status, 200);
    let sold = client.buy(1, 1, Some(&keys[2])).await;
    assert_eq!((sold.status, sold.header("idempotency-replayed")), (200, None));
    assert_eq!((sold.json()["seq"].clone(), client.stock(1).await), (6.into(), 398));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_end_drops_entries_that_an_older_copy_of_the_store_lacks() {
    let store = StoreFixture::sqlite();
    let (file, copy) = (store.path("store.db"), store.path("copy.db"));
    assert!(start_all(&store.url).stop().success());
    fs::copy(&file, &copy).unwrap();
    let address = ReservedAddress::new().unwrap();
    let mut services = start_each(&store.url, &address.to_string());
    let client = Client::of(&services.frontend, "frontend");
    wait_until_ready(&client).await;
    assert_eq!(client.buy(1, 1, None).await.json()["seq"], 5);
    assert_eq!(client.stock(1).await, 399);
    let mut stream = events(&services.frontend).await;
    assert!(services.catalog.stop().success());
    fs::copy(&copy, &file).unwrap();
    // The copy grows to the same head before the front-end sees it.
    let shop = start_all(&store.url);
    assert_eq!(Client::of(&shop, "frontend").buy(2, 1, None).await.json()["seq"], 5);
    assert!(shop.stop().success());
    services.catalog = start(&["catalog", "--store", &store.url, "--listen", &address.to_string()]);
    eventually("the sale of the replaced history is dropped", || async {
        (client.stock(1).await == 400).then_some(())
    })
    .await;
    assert_eq!(client.stock(2).await, 499);
    while !matches!(stream.next().await.unwrap(), ShopEvent::Resync(_)) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_catalogs_never_mix_two_histories() {
    let Some((fixture, server)) = fixture() else { return };
    let one = start_each(&fixture.url, ANY_PORT);
    one.catalog.wait_until_ready("catalog");
    let other = start_each(&fixture.url, ANY_PORT);
    let clients = [&one, &other].map(|services| Client::of(&services.frontend, "frontend"));
    for client in &clients {
        wait_until_ready(client).await;
    }
    for _ in 0..3 {
        assert_eq!(clients[0].buy(1, 1, None).await.status, 200);
    }
    let before = events(&one.frontend).await.hello().store;
    take_back(&fixture, &server, 5, 2);
    // Each catalog sells at once, whether or not it has detected the other history.
    for client in clients.iter().cycle().take(6) {
        eventually("the catalog sells", || async {
            (client.buy(1, 1, None).await.status == 200).then_some(())
        })
        .await;
    }
    let mut states = Vec::new();
    for client in &clients {
        let reply = client.send("GET", "/search?item=1", &NO_CACHE, "").await;
        states.push((
            reply.header("bookstore-seq").unwrap().to_owned(),
            reply.json()["stock"].as_i64(),
        ));
    }
    assert_eq!(states, vec![("11.1".to_owned(), Some(393)); 2]);
    // A front-end reads the new store id with its next connection to the feed.
    eventually("both front-ends have the same new store", || async {
        let store = events(&one.frontend).await.hello().store;
        (store != before && store == events(&other.frontend).await.hello().store).then_some(())
    })
    .await;
}

/// A shop that sold three copies of the book 1, lost the last two sales, and sold one again, as entry 6; and a stream of
/// events that was open all the time.
async fn shop_with_another_history(fixture: &StoreFixture, server: &Server) -> (Process, EventStream<ShopEvent>) {
    let shop = fixture.start_all();
    let client = Client::of(&shop, "frontend");
    wait_until_ready(&client).await;
    for _ in 0..3 {
        assert_eq!(client.buy(1, 1, None).await.status, 200);
    }
    let read = client.get("/search?item=1").await;
    let numbers = ["etag", "bookstore-seq"].map(|name| read.header(name).unwrap());
    assert_eq!(numbers, ["\"7\"", "7"]);
    let mut stream = events(&shop).await;
    take_back(fixture, server, 5, 2);
    while !matches!(stream.next().await.unwrap(), ShopEvent::Resync(_)) {}
    assert_eq!(stream.position(), position("5.1"));
    assert_eq!(client.buy(1, 1, None).await.header("bookstore-seq"), Some("6.1"));
    eventually("the front-end has the sale", || async {
        (client.get("/search?item=1").await.header("bookstore-seq") == Some("6.1")).then_some(())
    })
    .await;
    (shop, stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_of_another_history_matches_nothing() {
    let Some((fixture, server)) = fixture() else { return };
    let (shop, _) = shop_with_another_history(&fixture, &server).await;
    for (service, read, write) in [
        ("frontend", "/search?item=1", "/stock/1"),
        ("catalog", "/lookup/1", "/update/1"),
    ] {
        let client = Client::of(&shop, service);
        let book = client.get(read).await;
        let (tag, seq) = (book.header("etag").unwrap(), book.header("bookstore-seq").unwrap());
        assert!(tag.ends_with(".1\"") && seq.ends_with(".1"), "{tag} {seq}");
        let plain = tag.replace(".1", "");
        let later = tag.replace(".1", ".2");
        for (listed, status) in [(&*plain, 200), (&later, 200), (tag, 304)] {
            let reply = client.send("GET", read, &[("if-none-match", listed)], "").await;
            assert_eq!(reply.status, status, "{service} {listed}");
        }
        for (listed, status) in [(&*plain, 412), (&later, 412), (tag, 200)] {
            let fields = [AUTHORIZED, ("if-match", listed)];
            let reply = client.send("PUT", write, &fields, r#"{"change":1}"#).await;
            assert_eq!(reply.status, status, "{service} {listed}: {}", reply.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_of_another_history_delays_no_read() {
    let Some((fixture, server)) = fixture() else { return };
    let (shop, _) = shop_with_another_history(&fixture, &server).await;
    let client = Client::of(&shop, "frontend");
    client.get("/search?item=1").await;
    for (number, cache) in [("6.1", "hit"), ("99", "hit"), ("99.2", "hit"), ("99.1", "fwd=miss")] {
        let reply = client
            .send("GET", "/search?item=1", &[("bookstore-seq", number)], "")
            .await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("cache-status"),
            Some(&*format!("bookstore; {cache}")),
            "{number}"
        );
    }
    for number in ["6.0", "6.", "6.x", ".1"] {
        let reply = client
            .send("GET", "/search?item=1", &[("bookstore-seq", number)], "")
            .await;
        assert_eq!(reply.summary(), "400 invalid-request", "{number}");
    }
    let order = key();
    for service in ["catalog", "order"] {
        let (client, orders) = (
            Client::of(&shop, service),
            if service == "order" { "" } else { "/ledger" },
        );
        let unknown = client
            .send(
                "GET",
                &format!("{orders}/orders/{order}"),
                &[("bookstore-seq", "99")],
                "",
            )
            .await;
        assert_eq!(
            (unknown.status, unknown.header("bookstore-seq")),
            (404, Some("6.1")),
            "{service}"
        );
        let live = client.get("/livez").await.json();
        assert_eq!((&live["head"], &live["epoch"]), (&6.into(), &1.into()), "{service}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_streams_begin_again_with_another_history() {
    let Some((fixture, server)) = fixture() else { return };
    let (shop, mut stream) = shop_with_another_history(&fixture, &server).await;
    // Its number is not higher than those of earlier events of this stream.
    let sold = loop {
        match stream.next().await.unwrap() {
            ShopEvent::Stock(sold) => break sold,
            ShopEvent::Upstream(_) => {}
            ShopEvent::Resync(resync) => panic!("the stream skipped the sale: {resync:?}"),
        }
    };
    assert_eq!(
        (sold.seq, sold.stock.get(), stream.position()),
        (Seq(6), 398, position("6.1"))
    );
    for after in ["5", "7", "5.2"] {
        let mut stream = events_after(&shop, Some(position(after))).await;
        assert!(matches!(stream.next().await.unwrap(), ShopEvent::Resync(_)), "{after}");
        assert_eq!(stream.position(), position("6.1"));
    }
    let mut resumed = events_after(&shop, Some(position("5.1"))).await;
    assert!(matches!(resumed.next().await.unwrap(), ShopEvent::Stock(again) if again == sold));
    let catalog = RemoteCatalog::new(endpoint(&shop, "catalog"));
    for (after, start) in [("5", "6.1"), ("7", "6.1"), ("5.1", "5.1")] {
        let feed = catalog.feed(Some(position(after))).await.unwrap();
        assert_eq!(
            (feed.hello().position(), feed.position()),
            (position("6.1"), position(start))
        );
    }
    drop(shop);
    let shop = fixture.start_all();
    wait_until_ready(&Client::of(&shop, "frontend")).await;
    assert_eq!(
        events(&shop).await.hello().position(),
        position("6.1"),
        "the front-end forgot the new history after a restart"
    );
}

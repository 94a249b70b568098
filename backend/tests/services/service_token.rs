//! The token by which catalog and order service authenticate the other services.

use crate::bookstored::{ANY_PORT, all_arguments, assert_contains, assert_wrong_usage, run, start};
use crate::client::{AUTHORIZED, Client};
use crate::fixture::StoreFixture;

const SERVICE: (&str, &str) = ("bookstore-service-token", "a-service-token-for-tests");
const WRONG: (&str, &str) = ("bookstore-service-token", "a-service-token-for-test");
const REFUSED: &str = "401 unauthorized";

fn token_file(store: &StoreFixture) -> String {
    store.file("service-token", &format!("{}\n", SERVICE.1))
}

#[tokio::test]
async fn catalog_and_order_service_answer_only_to_services_with_the_token() {
    let store = StoreFixture::csv();
    let file = token_file(&store);
    let shop = start(&[&all_arguments(&store.url)[..], &["--service-token-file", &file]].concat());
    let (catalog, order) = (Client::of(&shop, "catalog"), Client::of(&shop, "order"));
    for (client, method, path, body) in [
        (&catalog, "GET", "/topics", ""),
        (&catalog, "GET", "/lookup/1", ""),
        (&catalog, "GET", "/ledger", ""),
        (&catalog, "GET", "/feed", ""),
        (&catalog, "POST", "/sales", r#"{"sales":[]}"#),
        (&catalog, "GET", "/metrics", ""),
        (&catalog, "GET", "/openapi.json", ""),
        (&order, "GET", "/orders", ""),
        (&order, "GET", "/buy/1", ""),
        (&order, "POST", "/buy/1", ""),
        (&order, "POST", "/orders", r#"{"orders":[]}"#),
        (&order, "GET", "/metrics", ""),
    ] {
        for fields in [&[][..], &[WRONG], &[SERVICE, SERVICE]] {
            let reply = client.send(method, path, fields, body).await;
            assert_eq!(reply.summary(), REFUSED, "{method} {path} {fields:?}");
        }
        if path != "/feed" {
            assert_eq!(
                client.send(method, path, &[SERVICE], body).await.status,
                200,
                "{method} {path}"
            );
        }
    }
    assert_eq!(catalog.get("/nothing").await.summary(), REFUSED);
    let change = r#"{"stock":100}"#;
    for fields in [&[][..], &[AUTHORIZED], &[SERVICE]] {
        let reply = catalog.send("PUT", "/update/1", fields, change).await;
        assert_eq!(reply.summary(), REFUSED, "{fields:?}");
    }
    let changed = catalog.send("PUT", "/update/1", &[SERVICE, AUTHORIZED], change).await;
    assert_eq!(changed.json()["stock"], 100);
}

#[tokio::test]
async fn the_front_end_needs_no_token_from_its_clients_and_sends_it_to_the_others() {
    let store = StoreFixture::csv();
    let file = token_file(&store);
    let shop = start(&[&all_arguments(&store.url)[..], &["--service-token-file", &file]].concat());
    let client = Client::of(&shop, "frontend");
    testing::eventually("the front-end is ready", || async {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    let receipt = client.buy(1, 1, None).await;
    assert_eq!(receipt.status, 200, "{}", receipt.body);
    let order = receipt.json()["order"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/orders/{order}")).await.body, receipt.body);
    assert_eq!(client.stock(1).await, 399);
    let changed = client.send("PUT", "/stock/1", &[AUTHORIZED], r#"{"stock":7}"#).await;
    assert_eq!(changed.json()["stock"], 7);
    assert_eq!(client.send("GET", "/ledger", &[AUTHORIZED], "").await.status, 200);
}

#[tokio::test]
async fn health_needs_no_token_and_shows_addresses_only_with_it() {
    let store = StoreFixture::csv();
    let file = token_file(&store);
    let shop = start(&[&all_arguments(&store.url)[..], &["--service-token-file", &file]].concat());
    for service in ["frontend", "order"] {
        let client = Client::of(&shop, service);
        let ready = testing::eventually("the service is ready", || async {
            let ready = client.get("/readyz").await;
            (ready.status == 200).then_some(ready)
        });
        let ready = ready.await;
        assert!(
            !ready.body.contains("127.0.0.1") && !ready.body.contains("url"),
            "{}",
            ready.body
        );
        let with_token = client.send("GET", "/readyz", &[SERVICE], "").await;
        assert_contains(&with_token.body, &[shop.url("catalog")]);
        assert_eq!(client.get("/livez").await.json()["authorized"], false);
        let live = client.send("GET", "/livez", &[SERVICE], "").await.json();
        assert!(live["status"] == "ok" && live["authorized"].is_null(), "{live}");
    }
}

#[tokio::test]
async fn a_service_with_a_wrong_token_or_none_is_not_ready_and_reports_why() {
    let store = StoreFixture::csv();
    let file = token_file(&store);
    let other = store.file("other-token", "another-service-token");
    let token = ["--service-token-file", &file];
    let catalog = start(&[&["catalog", "--store", &store.url, "--listen", ANY_PORT], &token[..]].concat());
    let urls = ["--catalog-url", catalog.url("catalog")];
    for token in [&[][..], &["--service-token-file", &other]] {
        let order = start(&[&["order", "--listen", ANY_PORT], &urls[..], token].concat());
        let client = Client::of(&order, "order");
        let with_token = ("bookstore-service-token", "another-service-token");
        let ready = client.send("GET", "/readyz", &[with_token], "").await;
        assert_eq!(ready.status, 503, "{}", ready.body);
        assert_contains(&ready.body, &["service token", urls[1]]);
        // A wrong token is a fault of the service, not of its client.
        let sold = client.send("POST", "/buy/1", &[with_token], "").await;
        assert_eq!(sold.summary(), "503 unavailable");
        let orders = client.send("GET", "/orders", &[with_token], "").await;
        assert_eq!(orders.summary(), "503 unavailable");
    }
}

#[test]
fn listening_beyond_loopback_without_a_token_must_be_allowed() {
    let store = StoreFixture::csv();
    let (beyond, file) = ("0.0.0.0:0", token_file(&store));
    let catalog = ["catalog", "--store", &store.url, "--listen", beyond];
    let order = ["order", "--listen", beyond];
    let all = |flag| [&all_arguments(&store.url)[..], &[flag, beyond]].concat();
    let all = [all("--catalog-listen"), all("--order-listen")];
    // A repeated flag is wrong usage in any case.
    let all = all.map(|arguments| {
        let flag = arguments[arguments.len() - 2];
        let first = arguments.iter().position(|&argument| argument == flag).unwrap();
        [&arguments[..first], &arguments[first + 2..]].concat()
    });
    for arguments in [&catalog[..], &order, &all[0], &all[1]] {
        assert_wrong_usage(arguments);
        let (_, _, message) = run(arguments);
        assert_contains(
            &message,
            &["0.0.0.0:0", "--service-token-file", "--allow-unauthenticated"],
        );
        for allowed in [&["--allow-unauthenticated"][..], &["--service-token-file", &file]] {
            drop(start(&[arguments, allowed].concat()));
        }
    }
    drop(start(&["frontend", "--listen", beyond]));
}

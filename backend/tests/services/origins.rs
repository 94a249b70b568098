//! The hosts that a service accepts, and the web pages that may send changes.

use crate::bookstored::{ANY_PORT, all_arguments, assert_wrong_usage, start};
use crate::client::{AUTHORIZED, Client, Reply};
use crate::fixture::{StoreFixture, start_shop};

const SERVICES: [&str; 3] = ["frontend", "catalog", "order"];
const FORBIDDEN: &str = "403 forbidden-origin";

async fn get_with_host(client: &Client, host: &str) -> Reply {
    client.send("GET", "/livez", &[("host", host)], "").await
}

#[tokio::test]
async fn a_service_on_loopback_answers_only_to_the_names_of_loopback() {
    let (shop, _) = start_shop();
    for service in SERVICES {
        let client = Client::of(&shop.process, service);
        for host in ["localhost", "LocalHost:1", "127.0.0.1:80", "[::1]:9", "[::1]"] {
            assert_eq!(get_with_host(&client, host).await.status, 200, "{service}: {host}");
        }
        for host in [
            "evil.test",
            "evil.test:8080",
            "localhost.evil.test",
            "192.0.2.1",
            "[::2]",
        ] {
            assert_eq!(
                get_with_host(&client, host).await.summary(),
                "421 misdirected",
                "{service}: {host}"
            );
        }
    }
}

#[tokio::test]
async fn more_hosts_can_be_allowed_and_any_host_is_allowed_beyond_loopback() {
    let store = StoreFixture::csv();
    let allowed = [
        "--allowed-host",
        "shop.example,a.example:443",
        "--allowed-host",
        "b.example",
    ];
    let shop = start(&[&all_arguments(&store.url)[..], &allowed].concat());
    for service in SERVICES {
        let client = Client::of(&shop, service);
        for host in ["Shop.example:8080", "a.example", "b.example", "localhost"] {
            assert_eq!(get_with_host(&client, host).await.status, 200, "{service}: {host}");
        }
        assert_eq!(get_with_host(&client, "c.example").await.status, 421, "{service}");
    }
    let public = start(&["order", "--listen", "0.0.0.0:0", "--allow-unauthenticated"]);
    assert_eq!(
        get_with_host(&Client::of(&public, "order"), "any.example").await.status,
        200
    );
}

#[tokio::test]
async fn only_pages_of_the_shop_and_of_allowed_origins_may_buy() {
    let store = StoreFixture::csv();
    let allowed = ["--allowed-origin", "https://shop.example,https://other.example:8443"];
    let shop = start(&[&all_arguments(&store.url)[..], &allowed].concat());
    let client = Client::of(&shop, "frontend");
    let own = ("origin", shop.url("frontend"));
    let other_port = ("origin", shop.url("order"));
    let (partner, site) = (("origin", "https://shop.example"), |site| ("sec-fetch-site", site));
    let accepted: [&[_]; 6] = [
        &[],
        &[own],
        &[own, site("same-origin")],
        &[site("none")],
        &[partner, site("cross-site")],
        &[("origin", "https://Other.example:8443")],
    ];
    let refused: [&[_]; 9] = [
        &[other_port],
        &[("origin", "null")],
        &[("origin", "http://evil.test")],
        &[("origin", "http://shop.example")],
        &[site("cross-site")],
        &[site("same-site")],
        &[own, site("cross-site")],
        &[own, ("origin", "http://evil.test")],
        &[partner, ("origin", "http://evil.test"), site("cross-site")],
    ];
    for fields in accepted {
        let reply = client.send("POST", "/buy", fields, r#"{"item":1}"#).await;
        assert_eq!(reply.summary(), "200", "{fields:?}");
    }
    for fields in refused {
        let reply = client.send("POST", "/buy", fields, r#"{"item":1}"#).await;
        assert_eq!(reply.summary(), FORBIDDEN, "{fields:?}");
        assert_eq!(
            client.send("GET", "/topics", fields, "").await.status,
            200,
            "{fields:?}"
        );
    }
    assert_eq!(client.stock(1).await, 394);
}

#[tokio::test]
async fn every_change_of_every_service_is_refused_to_pages_of_other_origins() {
    let (shop, front_end) = start_shop();
    let (catalog, order) = (Client::of(&shop.process, "catalog"), Client::of(&shop.process, "order"));
    let foreign = ("sec-fetch-site", "cross-site");
    for (client, method, path) in [
        (&front_end, "POST", "/buy?buyNum=1"),
        (&front_end, "PUT", "/stock/1"),
        (&catalog, "PUT", "/update/1"),
        (&catalog, "POST", "/sales"),
        (&order, "POST", "/buy/1"),
        (&order, "GET", "/buy/1"),
        (&order, "POST", "/orders"),
    ] {
        let reply = client.send(method, path, &[AUTHORIZED, foreign], "").await;
        assert_eq!(reply.summary(), FORBIDDEN, "{method} {path}");
    }
    assert_eq!(order.send("GET", "/buy/1", &[], "").await.status, 200);
    assert_eq!(front_end.stock(1).await, 399);
}

#[test]
fn an_allowed_host_or_origin_that_is_not_valid_is_wrong_usage() {
    for (flag, value) in [
        ("--allowed-host", "http://shop.example"),
        ("--allowed-host", "*"),
        ("--allowed-origin", "shop.example"),
        ("--allowed-origin", "https://shop.example/page"),
    ] {
        assert_wrong_usage(&["order", "--listen", ANY_PORT, flag, value]);
    }
}

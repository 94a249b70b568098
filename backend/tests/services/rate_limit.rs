//! The rate limit of each client address.

use testing::eventually;

use crate::bookstored::{ANY_PORT, all_arguments, assert_wrong_usage, start};
use crate::client::Client;
use crate::fixture::StoreFixture;

#[tokio::test]
async fn each_client_of_the_front_end_has_its_own_rate_limit() {
    let store = StoreFixture::csv();
    let limit = ["--rate-limit", "2/s", "--trusted-proxy", "127.0.0.1,10.0.0.0/8"];
    let shop = start(&[&all_arguments(&store.url)[..], &limit].concat());
    let client = Client::of(&shop, "frontend");
    let send = async |path, address| client.send("GET", path, &[("x-forwarded-for", address)], "").await;
    let refused = eventually("the rate limit is reached", || async {
        let reply = send("/topics", "198.51.100.1, 10.0.0.1").await;
        (reply.status != 200).then_some(reply)
    });
    let refused = refused.await;
    assert_eq!(refused.summary(), "429 too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        send("/topics", "198.51.100.2").await.status,
        200,
        "the limit applies to another client"
    );
    for _ in 0..10 {
        assert_eq!(send("/livez", "198.51.100.1").await.status, 200);
        assert_eq!(send("/readyz", "198.51.100.1").await.status, 200);
        assert_eq!(Client::of(&shop, "order").get("/orders").await.status, 200);
    }
    eventually("the client may send requests again", || async {
        (send("/topics", "198.51.100.1").await.status == 200).then_some(())
    })
    .await;
}

#[test]
fn a_rate_or_a_proxy_that_is_not_valid_is_wrong_usage() {
    for (flag, value) in [
        ("--rate-limit", "100"),
        ("--rate-limit", "0/s"),
        ("--trusted-proxy", "10.0.0.0/33"),
        ("--trusted-proxy", "proxy.example"),
    ] {
        assert_wrong_usage(&["frontend", "--listen", ANY_PORT, flag, value]);
    }
}

//! Responses of other programs at the address of a service: the front-end never passes them on to a client.

use serde_json::Value;

use crate::bookstored::{ANY_PORT, start};
use crate::client::{AUTHORIZED, Client, key};
use crate::fake::{response, start_fake};

/// Starts a front-end whose services are that program.
fn start_before(url: &str) -> testing::Process {
    let urls = ["--catalog-url", url, "--order-url", url];
    start(&[&["frontend", "--listen", ANY_PORT], &urls[..]].concat())
}

#[tokio::test]
async fn a_page_or_another_programs_json_is_never_passed_on_as_a_success() {
    for (media_type, body) in [
        ("text/html", "<html><body>Welcome</body></html>"),
        ("application/json", "<html><body>Welcome</body></html>"),
        ("application/json", r#"{"welcome":true}"#),
        (
            "text/html",
            r#"{"topics":[],"books":[],"entries":[],"results":[],"head":1}"#,
        ),
    ] {
        let url = start_fake(move |_| response(200, media_type, body));
        let frontend = start_before(&url);
        let client = Client::of(&frontend, "frontend");
        for path in [
            "/topics",
            "/search?item=1",
            "/search?topic=t",
            "/search?q=w",
            "/ledger",
            &format!("/orders/{}", key()),
        ] {
            let reply = client.send("GET", path, &[AUTHORIZED], "").await;
            assert_eq!(reply.summary(), "503 unavailable", "{path}: {body}");
            assert!(!reply.body.contains("Welcome"), "{}", reply.body);
        }
        // The outcome of the request is unknown.
        let changed = client.send("PUT", "/stock/1", &[AUTHORIZED], r#"{"stock":1}"#).await;
        assert_eq!(changed.summary(), "504 deadline-exceeded", "{body}");
        let bought = client.buy(1, 1, None).await;
        assert_eq!(bought.summary(), "504 deadline-exceeded", "{body}");
        let ready = client.get("/readyz").await;
        assert_eq!(
            (ready.status, &ready.json()["status"]),
            (503, &Value::from("not-ready"))
        );
    }
}

#[tokio::test]
async fn a_failure_of_a_proxy_leaves_the_outcome_of_a_change_unknown() {
    let url = start_fake(|_| response(502, "text/html", "<html>Bad Gateway</html>"));
    let frontend = start_before(&url);
    let client = Client::of(&frontend, "frontend");
    let changed = client.send("PUT", "/stock/1", &[AUTHORIZED], r#"{"stock":1}"#).await;
    assert_eq!(changed.summary(), "504 deadline-exceeded");
    assert_eq!(client.get("/topics").await.summary(), "503 unavailable");
}

//! SIGHUP, the phases of a stop, and a standard output that is closed.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use testing::{Process, ReservedAddress, eventually};

use crate::bookstored::{all_arguments, command, start};
use crate::client::{Client, Reply, try_send};
use crate::fixture::StoreFixture;

fn start_with(store: &StoreFixture, flags: &[&str]) -> (Process, Client) {
    let process = start(&[&all_arguments(&store.url), flags].concat());
    let client = Client::of(&process, "frontend");
    (process, client)
}

async fn restock(client: &Client, token: &str) -> Reply {
    let token = format!("Bearer {token}");
    let authorization = [("authorization", token.as_str())];
    client.send("PUT", "/stock/1", &authorization, r#"{"change":1}"#).await
}

#[tokio::test]
async fn sighup_reloads_the_token_without_a_restart() {
    let store = StoreFixture::csv();
    let file = store.file("token", "the-first-long-token\n");
    let (shop, client) = start_with(&store, &["--admin-token-file", &file]);
    assert_eq!(restock(&client, "the-first-long-token").await.status, 200);
    store.file("token", "the-second-long-token\n");
    shop.signal(Signal::HUP);
    eventually("the new token is in force", || async {
        (restock(&client, "the-second-long-token").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(restock(&client, "the-first-long-token").await.status, 401);
    // A file without a token changes nothing.
    store.file("token", "short");
    shop.signal(Signal::HUP);
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    assert_eq!(restock(&client, "the-second-long-token").await.status, 200);
    assert!(shop.stop().success());
    assert_eq!(store.stock_in_catalog_file(1), 402);
}

#[tokio::test]
async fn services_continue_when_the_reader_of_standard_output_has_ended() {
    let (store, reserved) = (StoreFixture::csv(), ReservedAddress::new().unwrap());
    let address = reserved.to_string();
    let mut command = command(&["catalog", "--store", &store.url, "--listen", &address]);
    let mut service = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(service.stdout.take());
    let client = Client::at(&reserved.url());
    eventually("the service answers", || async {
        try_send(client.request("GET", "/livez")).await.ok()
    })
    .await;
    kill_process(Pid::from_child(&service), Signal::TERM).unwrap();
    let output = service.wait_with_output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !log.contains("pipe"), "{log}");
}

#[tokio::test]
async fn a_draining_service_is_not_ready_and_still_serves() {
    let store = StoreFixture::csv();
    let (shop, client) = start_with(&store, &["--drain-delay", "300s"]);
    assert_eq!(client.get("/readyz").await.status, 200);
    shop.interrupt();
    let not_ready = eventually("the front-end is not ready", || async {
        // Each probe uses a new connection, as that of a load balancer.
        let reply = Client::of(&shop, "frontend").get("/readyz").await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert!(not_ready.body.contains("stop"), "{}", not_ready.body);
    // The client then opens its next connection to another copy.
    assert_eq!(not_ready.header("connection"), Some("close"));
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    // The second signal ends the delay.
    assert!(shop.stop().success());
    assert_eq!(store.stock_in_catalog_file(1), 399);
}

#[tokio::test]
async fn a_second_signal_abandons_open_requests_and_still_writes_a_checkpoint() {
    let store = StoreFixture::csv();
    let (mut shop, client) = start_with(&store, &["--grace", "300s"]);
    assert_eq!(client.buy(1, 1, None).await.status, 200);
    let mut open = TcpStream::connect(shop.address("frontend")).unwrap();
    open.write_all(b"POST /buy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
        .unwrap();
    // The server has read this request once it answers on a later connection.
    assert_eq!(Client::of(&shop, "frontend").get("/livez").await.status, 200);
    shop.interrupt();
    eventually("no connection is accepted", || async {
        TcpStream::connect(shop.address("frontend")).is_err().then_some(())
    })
    .await;
    assert!(shop.is_running());
    assert!(shop.stop().success());
    assert_eq!(store.stock_in_catalog_file(1), 399);
}

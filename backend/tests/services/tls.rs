//! Services that speak TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::client::{Freshness, HttpClient, ServiceEndpoint};
use rustix::process::Signal;
use testing::certificates::{Authority, Certificate};
use testing::{Process, eventually};

use crate::bookstored::{ANY_PORT, all_arguments, assert_contains, assert_wrong_usage, run, start};
use crate::client::Client;
use crate::fixture::StoreFixture;

fn start_all(store: &StoreFixture, certificate: &Certificate) -> Process {
    start(&[&all_arguments(&store.url)[..], &certificate.flags()].concat())
}

/// A front-end without the services behind it.
fn start_frontend(certificate: &Certificate) -> Process {
    start(&[&["frontend", "--listen", ANY_PORT][..], &certificate.flags()].concat())
}

/// The error of a client that trusts only the authorities in `ca`.
async fn failure(process: &Process, ca: &Path) -> String {
    let url = process.url("frontend");
    let http = HttpClient::for_addresses(url, Some(ca)).unwrap();
    let endpoint = ServiceEndpoint::parse(http, url).unwrap();
    endpoint
        .get("/livez", Freshness::default())
        .await
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn services_speak_tls_with_each_other_and_with_their_clients() {
    let (store, authority) = (StoreFixture::csv(), Authority::new());
    let (certificate, ca) = (authority.issue("shop"), authority.ca());
    let tls = [&certificate.flags()[..], &["--listen", ANY_PORT]].concat();
    let catalog = start(&[&["catalog", "--store", &store.url][..], &tls].concat());
    let dependencies = ["--ca", ca.to_str().unwrap(), "--catalog-url", catalog.url("catalog")];
    let order = start(&[&["order"][..], &tls, &dependencies].concat());
    let orders = ["--order-url", order.url("order")];
    let frontend = start(&[&["frontend"][..], &tls, &dependencies, &orders].concat());
    assert!(frontend.url("frontend").starts_with("https://127.0.0.1:"));
    let client = Client::trusting(&frontend, "frontend", &ca);
    assert_eq!(client.buy(2, 1, None).await.status, 200);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert_contains(&ready.body, &[catalog.url("catalog"), order.url("order")]);
    assert!(frontend.stop().success());
}

#[test]
fn openssl_verifies_a_service_and_gets_its_answer() {
    let (store, authority) = (StoreFixture::csv(), Authority::new());
    let shop = start_all(&store, &authority.issue("shop"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "s_client",
        "-connect",
        shop.address("catalog"),
        "-verify_ip",
        "127.0.0.1",
        "-verify_return_error",
    ]);
    openssl
        .arg("-CAfile")
        .arg(authority.ca())
        .args(["-alpn", "h2,http/1.1", "-ign_eof"]);
    let mut child = openssl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    child.stdin.take().unwrap().write_all(request).unwrap();
    let output = child.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = [
        "HTTP/1.1 200 OK",
        "\"service\":\"catalog\"",
        "Verify return code: 0 (ok)",
        "ALPN protocol: http/1.1",
    ];
    assert_contains(&output, &expected);
}

#[tokio::test]
async fn a_replaced_certificate_is_in_force_without_a_failed_request() {
    let (store, first, second) = (StoreFixture::csv(), Authority::new(), Authority::new());
    let (certificate, other) = (first.issue("shop"), second.issue("shop"));
    let kept = store.path("kept");
    std::fs::create_dir(&kept).unwrap();
    let in_use = Certificate {
        certificate: kept.join("shop.pem"),
        key: kept.join("shop.key"),
    };
    in_use.replace_by(&certificate);
    let shop = start_all(&store, &in_use);
    let both = both(&store, &first, &second);
    let is_over = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (is_over, both) = (Arc::clone(&is_over), both.clone());
            let url = shop.url("frontend").to_owned();
            tokio::spawn(async move {
                let mut answers = 0;
                while !is_over.load(Ordering::Relaxed) {
                    // A new connection, and a request over it once more.
                    let http = HttpClient::for_addresses(&url, Some(&both)).unwrap();
                    for _ in 0..2 {
                        let answer = http.pool().get(format!("{url}/search?item=2")).send().await.unwrap();
                        assert_eq!(answer.status(), 200);
                        answers += 1;
                    }
                }
                answers
            })
        })
        .collect();
    let trusted = |authority: PathBuf| {
        let shop = &shop;
        async move {
            eventually("the certificate is that of the authority", || async {
                let client = HttpClient::for_addresses(shop.url("frontend"), Some(&authority)).unwrap();
                let url = format!("{}/livez", shop.url("frontend"));
                client.pool().get(url).send().await.ok()
            })
            .await
        }
    };
    trusted(first.ca()).await;
    in_use.replace_by(&other);
    shop.signal(Signal::HUP);
    trusted(second.ca()).await;
    // A key of another certificate changes nothing.
    std::fs::copy(&certificate.key, &in_use.key).unwrap();
    shop.signal(Signal::HUP);
    trusted(second.ca()).await;
    // Without a signal, the service reads the files at its next poll.
    in_use.replace_by(&certificate);
    trusted(first.ca()).await;
    is_over.store(true, Ordering::Relaxed);
    for load in load {
        assert!(load.await.unwrap() > 0);
    }
    assert!(shop.stop().success());
}

/// A file with both authorities.
fn both(store: &StoreFixture, first: &Authority, second: &Authority) -> PathBuf {
    let [first, second] = [first, second].map(|authority| std::fs::read_to_string(authority.ca()).unwrap());
    store.file("both.pem", &(first + &second)).into()
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_refused_with_what_to_do() {
    let (authority, other) = (Authority::new(), Authority::new());
    let expired = start_frontend(&authority.issue_for("expired", "IP:127.0.0.1", -1));
    let renamed = start_frontend(&authority.issue_for("renamed", "DNS:shop.example", 2));
    let unknown = start_frontend(&other.issue("unknown"));
    for (process, expected) in [
        (&expired, "its certificate has expired; renew it"),
        (
            &renamed,
            "its certificate is for DnsName(\"shop.example\"), not for 127.0.0.1; use an address",
        ),
        (&unknown, "name the file with the authority's certificate with --ca"),
    ] {
        assert_contains(&failure(process, &authority.ca()).await, &[expected]);
    }
    // A service that depends on it reports the same reason.
    let ca = authority.ca();
    let urls = ["--catalog-url", unknown.url("frontend"), "--ca", ca.to_str().unwrap()];
    let order = start(&[&["order", "--listen", ANY_PORT][..], &urls].concat());
    let ready = Client::of(&order, "order").get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_contains(
        &ready.body,
        &["its certificate is signed by an authority that is not trusted here"],
    );
}

#[tokio::test]
async fn plain_http_to_a_tls_port_gets_a_closed_connection() {
    let (store, authority) = (StoreFixture::csv(), Authority::new());
    let shop = start_all(&store, &authority.issue("shop"));
    let mut plain = TcpStream::connect(shop.address("frontend")).unwrap();
    plain
        .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut received = Vec::new();
    // The server may reset the connection after its TLS alert.
    let _ = plain.read_to_end(&mut received);
    assert!(!received.windows(4).any(|bytes| bytes == b"HTTP"), "{received:?}");
    // A client that never starts a handshake does not delay a stop.
    let _silent = TcpStream::connect(shop.address("frontend")).unwrap();
    let client = Client::trusting(&shop, "frontend", &authority.ca());
    assert_eq!(client.get("/livez").await.status, 200);
    assert!(shop.stop().success());
}

#[test]
fn a_certificate_without_its_key_is_wrong_usage() {
    let authority = Authority::new();
    let (certificate, other) = (authority.issue("shop"), authority.issue("other"));
    let [path, key] = [&certificate.certificate, &other.key].map(|path| path.to_str().unwrap());
    assert_wrong_usage(&["frontend", "--listen", ANY_PORT, "--tls-cert", path]);
    assert_wrong_usage(&["frontend", "--listen", ANY_PORT, "--tls-key", key]);
    assert_wrong_usage(&[
        "frontend",
        "--listen",
        ANY_PORT,
        "--catalog-url",
        "https://127.0.0.1:1",
        "--ca",
        key,
    ]);
    let (code, _, why) = run(&["frontend", "--listen", ANY_PORT, "--tls-cert", path, "--tls-key", key]);
    assert_eq!(code, 2, "{why}");
    assert_contains(&why, &[&format!("{key} for TLS: it is not the key of {path}")]);
    let (code, _, why) = run(&["frontend", "--listen", ANY_PORT, "--tls-cert", key, "--tls-key", key]);
    assert_eq!(code, 2, "{why}");
    assert_contains(&why, &["it has no certificate (BEGIN CERTIFICATE)"]);
}

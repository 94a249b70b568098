//! The log: its formats, the line at a start, and the access log.

use std::fs::{self, File};
use std::path::Path;

use serde_json::Value;
use testing::{Process, eventually};

use crate::bookstored::{all_arguments, command};
use crate::client::Client;
use crate::fixture::StoreFixture;

/// All services in one process, with their log in a file.
fn start(store: &StoreFixture, filter: &str, flags: &[&str], log: &Path) -> Process {
    let mut command = command(&[&all_arguments(&store.url)[..], flags].concat());
    command.env("BOOKSTORE_LOG", filter).stderr(File::create(log).unwrap());
    Process::start(&mut command, 3).unwrap()
}

/// Waits for an event of a JSON log that satisfies a condition; returns all such events.
async fn events(log: &Path, what: &str, condition: impl Fn(&Value) -> bool) -> Vec<Value> {
    eventually(what, || async {
        let text = fs::read_to_string(log).unwrap();
        // The last line may be incomplete.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let events = lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        let events: Vec<Value> = events.filter(&condition).collect();
        (!events.is_empty()).then_some(events)
    })
    .await
}

#[tokio::test]
async fn a_start_logs_the_services_and_each_request_is_a_line_of_the_access_log() {
    let store = StoreFixture::csv();
    let log = store.path("log");
    let process = start(&store, "info,bookstore::access=info", &["--log-format", "json"], &log);
    let started = events(&log, "the start is logged", |event| event["message"] == "started").await;
    let [started] = &started[..] else { panic!("{started:?}") };
    assert_eq!((&started["role"], &started["level"]), (&"all".into(), &"INFO".into()));
    assert_eq!(started["store"], Value::from(store.url.as_str()));
    let addresses = started["addresses"].as_str().unwrap();
    assert!(
        addresses.contains(&format!("frontend {}", process.url("frontend"))),
        "{addresses}"
    );
    let environment = started["environment"].as_str().unwrap();
    assert!(environment.contains("BOOKSTORE_ADMIN_TOKEN"), "{environment}");
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains(crate::bookstored::TOKEN), "{text}");

    let client = Client::of(&process, "frontend");
    let reply = client
        .send("GET", "/search?q=secret", &[("x-request-id", "mine-3")], "")
        .await;
    let line = events(&log, "the request is logged", |event| event["request_id"] == "mine-3").await;
    let [line] = &line[..] else { panic!("{line:?}") };
    for (field, value) in [
        ("target", Value::from("bookstore::access")),
        ("method", "GET".into()),
        ("route", "GET /search".into()),
        ("status", 200.into()),
        ("bytes", reply.body.len().into()),
        ("client", "127.0.0.1".into()),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(
        line["duration_us"].is_u64() && !line.to_string().contains("secret"),
        "{line}"
    );
}

#[tokio::test]
async fn requests_are_not_logged_unless_the_filter_names_them() {
    let store = StoreFixture::csv();
    let log = store.path("log");
    let process = start(&store, "debug", &[], &log);
    let client = Client::of(&process, "frontend");
    client.send("GET", "/topics", &[("x-request-id", "mine-4")], "").await;
    let text = eventually("the start is logged", || async {
        let text = fs::read_to_string(&log).unwrap();
        text.contains("started").then_some(text)
    });
    let text = text.await;
    assert!(!text.contains("mine-4"), "{text}");
}

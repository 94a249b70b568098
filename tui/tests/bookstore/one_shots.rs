//! The one-shot commands: exit codes, what is printed where, and orders that are never doubled.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::front_end::{FrontEnd, Reply, bookstore, command, said};

const KEY: &str = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
const BOOK: &str =
    r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":4}"#;

fn problem(status: u16, code: &str) -> String {
    format!(
        r#"{{"type":"urn:bookstore:problem:{code}","title":"No","status":{status},"code":"{code}","detail":"not now","extra":1}}"#
    )
}

fn receipt() -> String {
    format!(
        r#"{{"order":"{KEY}","status":"sold","item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}}"#
    )
}

#[test]
fn every_class_of_answer_has_its_exit_code() {
    for (status, code, exit) in [
        (400, "invalid-request", 2),
        (401, "unauthorized", 2),
        (404, "unknown-item", 1),
        (405, "method-not-allowed", 2),
        (409, "sold-out", 1),
        (413, "payload-too-large", 2),
        (415, "unsupported-media-type", 2),
        (422, "key-reused", 1),
        (429, "too-many-requests", 3),
        (500, "internal", 3),
        (503, "unavailable", 3),
        (507, "storage-full", 3),
    ] {
        let store = FrontEnd::always(status, &problem(status, code));
        for arguments in ["lookup 2", "lookup 2 --json"] {
            let (got, ..) = said(&store.bookstore(arguments));
            assert_eq!(got, exit, "{status} to {arguments}");
        }
    }
    let store = FrontEnd::always(200, BOOK);
    assert_eq!(said(&store.bookstore("lookup 2")).0, 0);
}

#[test]
fn a_purchase_maps_every_decision_and_refusal() {
    for (status, code, exit) in [
        (404, "unknown-item", 1),
        (409, "sold-out", 1),
        (422, "key-reused", 1),
        (400, "invalid-request", 2),
        (503, "unavailable", 3),
        (507, "storage-full", 3),
    ] {
        let store = FrontEnd::always(status, &problem(status, code));
        assert_eq!(said(&store.bookstore("buy 2")).0, exit, "{status}");
        assert_eq!(store.asked().len(), 1, "{status} was asked again");
    }
}

#[test]
fn a_store_that_is_not_there_is_exit_3() {
    let (exit, out, err) = said(&bookstore("--url http://127.0.0.1:1 topics"));
    assert_eq!((exit, out.as_str()), (3, ""));
    assert!(err.contains("cannot reach http://127.0.0.1:1"), "{err}");
}

#[test]
fn wrong_usage_is_exit_2() {
    for arguments in [
        "--url http://127.0.0.1:1 nonsense",
        "--url http://127.0.0.1:1 buy 0",
        "--url 127.0.0.1:1 topics",
    ] {
        assert_eq!(said(&bookstore(arguments)).0, 2, "{arguments}");
    }
}

#[test]
fn json_is_the_stores_body_on_one_line_problems_too() {
    let store = FrontEnd::always(200, &BOOK.replace("\"item\"", "\n  \"new_field\": null,\r\n\"item\""));
    let (_, out, err) = said(&store.bookstore("lookup 2 --json"));
    assert_eq!(
        out,
        format!("{}\n", BOOK.replace("\"item\"", "  \"new_field\": null,\"item\""))
    );
    assert_eq!(err, "");
    let store = FrontEnd::always(409, &problem(409, "sold-out"));
    let (_, out, err) = said(&store.bookstore("--json buy 2"));
    assert_eq!((out, err.as_str()), (format!("{}\n", problem(409, "sold-out")), ""));
}

#[test]
fn flags_about_the_shop_stand_before_or_after_the_subcommand_or_in_the_environment() {
    let store = FrontEnd::always(200, BOOK);
    let url = store.url();
    for arguments in [
        format!("--url {url} --token t --json restock 2 --by -3"),
        format!("restock 2 --by -3 --url {url} --token t --json"),
    ] {
        let (exit, out, err) = said(&bookstore(&arguments));
        assert_eq!((exit, out, err.as_str()), (0, format!("{BOOK}\n"), ""), "{arguments}");
    }
    let named = command("restock 2 --by -3 --json")
        .env("BOOKSTORE_URL", url)
        .env("BOOKSTORE_ADMIN_TOKEN", "t")
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(0));
    for asked in store.asked() {
        assert_eq!(asked.line, "PUT /stock/2");
        assert_eq!(asked.body, r#"{"change":-3}"#);
        assert_eq!(asked.header("authorization"), Some("Bearer t"));
    }
    let help = said(
        &command("--help")
            .env("BOOKSTORE_ADMIN_TOKEN", "secret")
            .output()
            .unwrap(),
    )
    .1;
    assert!(!help.contains("secret"));
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let store = FrontEnd::new(|before, _| match before {
        0 => Reply::HangUp,
        1 => Reply::Body(500, problem(500, "internal")),
        2 => Reply::Body(502, "<html>".to_owned()),
        3 => Reply::Body(504, problem(504, "deadline-exceeded")),
        // It may have happened: what changed nothing now says nothing about the first sending.
        4 => Reply::Body(503, problem(503, "unavailable")),
        _ => Reply::Body(200, receipt()),
    });
    let (exit, out, err) = said(&store.bookstore("buy 2 --quantity 3"));
    assert_eq!(exit, 0, "{err}");
    assert!(out.starts_with("Sold\n") && out.contains(KEY), "{out}");
    let asked = store.asked();
    assert_eq!(asked.len(), 6);
    let key = asked[0].header("idempotency-key").unwrap().to_owned();
    for asked in &asked {
        assert_eq!(asked.line, "POST /buy");
        assert_eq!(asked.header("idempotency-key"), Some(key.as_str()));
        assert_eq!(asked.body, r#"{"item":2,"quantity":3}"#);
    }
}

#[test]
fn an_order_that_stays_unknown_is_named() {
    let store = FrontEnd::always(504, &problem(504, "deadline-exceeded"));
    let arguments = format!("buy 2 --within 200ms --key {KEY}");
    let (exit, out, err) = said(&store.bookstore(&arguments));
    assert_eq!((exit, out.as_str()), (3, ""));
    assert!(err.contains(KEY), "{err}");
    let (exit, out, _) = said(&store.bookstore(&format!("--json {arguments}")));
    assert_eq!((exit, out.lines().count()), (3, 1));
    assert!(out.contains(&format!(r#""order":"{KEY}""#)), "{out}");
}

#[test]
fn a_decision_that_is_known_after_the_deadline_counts() {
    let store = FrontEnd::new(|_, asked| {
        if asked.line.starts_with("GET /orders/") {
            Reply::Body(200, receipt())
        } else {
            Reply::HangUp
        }
    });
    let (exit, out, _) = said(&store.bookstore(&format!("buy 2 --within 200ms --key {KEY} --json")));
    assert_eq!((exit, out), (0, format!("{}\n", receipt())));
}

#[test]
fn a_search_follows_the_pages_up_to_its_limit() {
    let page = |next: &str| format!(r#"{{"books":[{BOOK},{BOOK}]{next}}}"#);
    let store = FrontEnd::new(move |before, _| Reply::Body(200, page(if before < 2 { r#","next":"c""# } else { "" })));
    let (exit, out, _) = said(&store.bookstore("search --topic systems --limit 150 --json"));
    assert_eq!(exit, 0);
    assert_eq!(out.matches("\"item\":2").count(), 6);
    let lines: Vec<_> = store.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        [
            "GET /search?topic=systems&limit=100",
            "GET /search?topic=systems&limit=100&after=c",
            "GET /search?topic=systems&limit=100&after=c",
        ]
    );
    let (_, out, _) = said(&FrontEnd::always(200, &page("")).bookstore("search rpc dummies"));
    insta::assert_snapshot!(out);
}

#[test]
fn hostile_text_reaches_neither_table_nor_error() {
    let store = FrontEnd::always(200, &BOOK.replace("RPCs", "\\u001b[2J\\u202e"));
    let (_, out, _) = said(&store.bookstore("lookup 2"));
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out:?}");
    let store = FrontEnd::always(
        404,
        &problem(404, "unknown-item").replace("not now", "\\u001b]0;x\\u0007"),
    );
    let (_, _, err) = said(&store.bookstore("lookup 2"));
    assert!(!err.contains('\u{1b}') && !err.contains('\u{7}'), "{err:?}");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let store = FrontEnd::always(200, BOOK);
    let mut program = command(&format!("--url {} lookup 2", store.url()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(program.stdout.take());
    let mut err = String::new();
    program.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((program.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

const EVENTS: &str = "event: hello\ndata: {\"seq\":9,\"store\":\"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e\"}\n\n\
    event: stock\nid: 10\ndata: {\"seq\":10,\"item\":2,\"stock\":498,\"change\":-1,\"at\":\"2026-01-31T12:00:00.000000Z\"}\n\n";

#[test]
fn watching_prints_the_data_resumes_after_a_lost_connection_and_ends_with_130() {
    let store = FrontEnd::new(|_, _| Reply::Body(200, EVENTS.to_owned()));
    for signal in ["INT", "TERM"] {
        let mut program = command(&format!("watch --after 7 --json --url {}", store.url()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let first: Vec<_> = lines.by_ref().take(4).map(Result::unwrap).collect();
        let data: Vec<_> = EVENTS.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(first, [data[0], data[1], data[0], data[1]]);
        send(signal, program.id());
        assert_eq!(program.wait().unwrap().code(), Some(130));
    }
    let resumed: Vec<_> = store
        .asked()
        .iter()
        .filter_map(|asked| asked.header("last-event-id").map(str::to_owned))
        .take(2)
        .collect();
    assert_eq!(resumed, ["7", "10"]);
}

#[test]
fn an_interrupted_purchase_names_its_order() {
    let (asked, waiting) = std::sync::mpsc::channel();
    let store = FrontEnd::new(move |_, _| {
        asked.send(()).unwrap();
        std::thread::park();
        Reply::HangUp
    });
    let mut program = command(&format!("buy 2 --key {KEY} --url {}", store.url()))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    waiting.recv().unwrap();
    send("INT", program.id());
    let mut err = String::new();
    program.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(130));
    assert!(err.contains(KEY), "{err}");
}

#[test]
fn completions_need_no_store() {
    for shell in ["bash", "zsh", "fish"] {
        let (exit, out, _) = said(&bookstore(&format!("completions {shell}")));
        assert_eq!(exit, 0);
        assert!(out.contains("autopilot"), "{shell}");
    }
}

/// Sends a signal by the system's own tool.
pub(crate) fn send(signal: &str, process: u32) {
    let sent = std::process::Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

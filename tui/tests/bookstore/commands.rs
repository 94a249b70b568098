//! The commands: exit codes, output, and orders that are never placed twice.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testing::{Process, ReservedAddress};

use crate::front_end::{FrontEnd, Reply, WAIT_TIMEOUT, bookstore, command, exit_and_output, serve_all, spawn};
use crate::screen::Home;
use crate::test_shop;

const KEY: &str = "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e";
const BOOK: &str =
    r#"{"item":2,"title":"RPCs for Dummies","topic":"distributed systems","cost":"40.00","stock":500,"seq":4}"#;

fn problem(status: u16, code: &str) -> String {
    test_shop::problem(status, code).to_string()
}

fn receipt() -> String {
    format!(
        r#"{{"order":"{KEY}","status":"sold","item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5,"at":"2026-01-31T12:00:00.000000Z"}}"#
    )
}

#[test]
fn every_status_has_its_exit_code_and_a_refused_order_is_not_sent_again() {
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
        for arguments in ["lookup 2", "lookup 2 --json", "buy 2 --within 200ms"] {
            let (got, ..) = exit_and_output(&store.bookstore(arguments));
            assert_eq!(got, exit, "{status} to {arguments}");
        }
        // Only an internal error leaves the outcome of an order unknown.
        assert!(
            status == 500 || store.order_keys().len() == 1,
            "{status} was sent again"
        );
    }
    let store = FrontEnd::always(200, BOOK);
    assert_eq!(exit_and_output(&store.bookstore("lookup 2")).0, 0);
}

#[test]
fn an_unreachable_store_is_exit_3() {
    let address = ReservedAddress::new().unwrap();
    for arguments in ["topics", "autopilot --headless --json"] {
        let (exit, out, err) = exit_and_output(&bookstore(&format!("--url http://{address} {arguments}")));
        assert_eq!((exit, out.as_str()), (3, ""), "{arguments}");
        assert!(err.contains(&format!("cannot reach http://{address}")), "{err}");
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    for arguments in [
        "--url http://127.0.0.1:1 nonsense",
        "--url http://127.0.0.1:1 buy 0",
        "--url http://127.0.0.1:1 buy",
        "--url http://127.0.0.1:1 buy 2:0",
        "--url http://127.0.0.1:1 buy 2:1:1",
        "--url http://127.0.0.1:1 buy 2 4 2:3",
        "--url 127.0.0.1:1 topics",
        "--url ftp://127.0.0.1:1 topics",
        "--url unix:/run/shop topics",
        "--url http://user@127.0.0.1:1 topics",
        "--url http://user:secret@127.0.0.1:1 topics",
        "--url http://127.0.0.1:1?q topics",
        "--url http://127.0.0.1:1/#f topics",
        "--url https://127.0.0.1:1 --ca /nonexistent topics",
        "--url http://127.0.0.1:1 autopilot --headless --own-store --requests 1",
    ] {
        let (exit, out, err) = exit_and_output(&bookstore(arguments));
        assert_eq!((exit, out.as_str()), (2, ""), "{arguments}: {err}");
        assert!(!err.contains("secret"), "{err}");
    }
}

#[test]
fn json_prints_the_body_or_the_problem_on_one_line() {
    let store = FrontEnd::always(200, &BOOK.replace("\"item\"", "\n  \"new_field\": null,\r\n\"item\""));
    let (_, out, err) = exit_and_output(&store.bookstore("lookup 2 --json"));
    assert_eq!(
        out,
        format!("{}\n", BOOK.replace("\"item\"", "  \"new_field\": null,\"item\""))
    );
    assert_eq!(err, "");
    let store = FrontEnd::always(409, &problem(409, "sold-out"));
    let (_, out, err) = exit_and_output(&store.bookstore("--json buy 2"));
    assert_eq!((out, err.as_str()), (format!("{}\n", problem(409, "sold-out")), ""));
}

#[test]
fn shop_flags_are_accepted_before_and_after_the_subcommand_and_from_the_environment() {
    let store = FrontEnd::always(200, BOOK);
    let url = store.url();
    for arguments in [
        format!("--url {url} --token t --json restock 2 --by -3"),
        format!("restock 2 --by -3 --url {url} --token t --json"),
    ] {
        let (exit, out, err) = exit_and_output(&bookstore(&arguments));
        assert_eq!((exit, out, err.as_str()), (0, format!("{BOOK}\n"), ""), "{arguments}");
    }
    let named = command("restock 2 --by -3 --json")
        .env("BOOKSTORE_URL", url)
        .env("BOOKSTORE_ADMIN_TOKEN", "t")
        .output()
        .unwrap();
    assert_eq!(named.status.code(), Some(0));
    for request in store.requests() {
        assert_eq!(request.line, "PUT /stock/2");
        assert_eq!(request.body, r#"{"change":-3}"#);
        assert_eq!(request.header("authorization"), Some("Bearer t"));
    }
    let help = exit_and_output(
        &command("--help")
            .env("BOOKSTORE_ADMIN_TOKEN", "secret")
            .output()
            .unwrap(),
    )
    .1;
    assert!(!help.contains("secret"));
}

#[test]
fn a_lost_answer_makes_the_order_be_sent_again_with_the_same_key() {
    let store = FrontEnd::new(|before, _| match before {
        0 => Reply::HangUp,
        1 => Reply::Body(500, problem(500, "internal")),
        2 => Reply::Body(502, "<html>".to_owned()),
        3 => Reply::Body(504, problem(504, "deadline-exceeded")),
        // An answer that changed nothing does not decide the earlier attempts.
        4 => Reply::Body(503, problem(503, "unavailable")),
        _ => Reply::Body(200, receipt()),
    });
    let (exit, out, err) = exit_and_output(&store.bookstore("buy 2 --quantity 3"));
    assert_eq!(exit, 0, "{err}");
    assert!(out.starts_with("Sold\n") && out.contains(KEY), "{out}");
    let mut requests = store.requests();
    // The answer names the store that decided, for the journal.
    requests.retain(|request| request.line != "GET /livez");
    assert_eq!(requests.len(), 6);
    let key = requests[0].header("idempotency-key").unwrap().to_owned();
    for request in &requests {
        assert_eq!(request.line, "POST /buy");
        assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
        assert_eq!(request.body, r#"{"item":2,"quantity":3}"#);
    }
}

#[test]
fn several_books_are_bought_as_one_order() {
    let sold = format!(
        r#"{{"order":"{KEY}","status":"sold","lines":[{{"item":2,"title":"RPCs for Dummies","quantity":1,"cost":"40.00","total":"40.00","stock":499,"seq":5}},{{"item":4,"title":"Cooking","quantity":3,"cost":"25.00","total":"75.00","stock":7,"seq":6}}],"total":"115.00","seq":6,"at":"2026-01-31T12:00:00.000000Z"}}"#
    );
    let store = FrontEnd::always(200, &sold);
    let (exit, out, err) = exit_and_output(&store.bookstore("buy 4 2:1 --quantity 3"));
    assert_eq!(exit, 0, "{err}");
    for shown in ["Sold\n", "RPCs for Dummies", "Cooking", "75.00", "115.00", KEY] {
        assert!(out.contains(shown), "{shown} is not in {out}");
    }
    let (exit, out, _) = exit_and_output(&store.bookstore("--json buy 2 4:3"));
    assert_eq!((exit, out.trim_end()), (0, sold.as_str()));
    for request in store.requests().iter().filter(|request| request.line != "GET /livez") {
        let lines = r#"{"lines":[{"item":2,"quantity":1},{"item":4,"quantity":3}]}"#;
        assert_eq!((request.line.as_str(), request.body.as_str()), ("POST /buy", lines));
    }
}

#[test]
fn an_order_with_an_unknown_outcome_is_named() {
    let store = FrontEnd::always(504, &problem(504, "deadline-exceeded"));
    let arguments = format!("buy 2 --within 200ms --key {KEY}");
    let (exit, out, err) = exit_and_output(&store.bookstore(&arguments));
    assert_eq!((exit, out.as_str()), (3, ""));
    assert!(err.contains(KEY), "{err}");
    let (exit, out, _) = exit_and_output(&store.bookstore(&format!("--json {arguments}")));
    assert_eq!((exit, out.lines().count()), (3, 1));
    assert!(out.contains(&format!(r#""order":"{KEY}""#)), "{out}");
}

#[test]
fn a_command_gives_up_on_a_silent_shop_soon_after_the_deadline_of_the_order() {
    // The listener accepts connections and sends no answer.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let started = Instant::now();
    let (exit, _, err) = exit_and_output(&bookstore(&format!("--url {url} buy 2 --within 1s --key {KEY}")));
    let took = started.elapsed();
    assert!(exit == 3 && err.contains(KEY), "{exit}: {err}");
    // The lookup alone used to take 5 s.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn an_order_whose_receipt_cannot_be_printed_is_named_and_counts() {
    for (status, body, exit) in [(200, receipt(), 0), (409, problem(409, "sold-out"), 1)] {
        let store = FrontEnd::always(status, &body);
        for json in ["", "--json"] {
            let mut command = command(&format!("--url {} {json} buy 2 --key {KEY}", store.url()));
            command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
            let (got, _, err) = exit_and_output(&command.output().unwrap());
            assert_eq!(got, exit, "{err}");
            // Without --json a refusal is printed on standard error, so standard output may be closed.
            assert!(status == 409 && json.is_empty() || err.contains(KEY), "{err}");
        }
    }
    let store = FrontEnd::always(200, BOOK);
    let mut lookup = command(&format!("--url {} lookup 2", store.url()));
    lookup.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(exit_and_output(&lookup.output().unwrap()).0, 3);
}

#[test]
fn a_key_that_was_used_before_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let services = Process::start(&mut serve_all(folder.path(), "127.0.0.1:0"), 3).unwrap();
    let buy = format!("--url {} buy 2 --key {KEY}", services.url("frontend"));
    let (exit, first, err) = exit_and_output(&bookstore(&buy));
    assert_eq!((exit, err.as_str()), (0, ""));
    for json in ["", "--json"] {
        let (exit, again, err) = exit_and_output(&bookstore(&format!("{buy} {json}")));
        assert_eq!(exit, 0);
        assert!(!json.is_empty() || again == first, "{again}");
        assert!(err.contains("used before") && err.contains(KEY), "{err}");
    }
}

#[test]
fn a_restock_without_the_token_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let services = Process::start(&mut serve_all(folder.path(), "127.0.0.1:0"), 3).unwrap();
    let restock = format!("--url {} restock 2 --by 3", services.url("frontend"));
    let (exit, out, err) = exit_and_output(&bookstore(&restock));
    assert_eq!((exit, out.as_str()), (2, ""));
    assert!(err.contains("--token") && !err.contains("Authorization"), "{err}");
    let (exit, out, err) = exit_and_output(&bookstore(&format!("{restock} --json")));
    assert!(
        exit == 2 && out.contains("unauthorized") && err.contains("--token"),
        "{out}{err}"
    );
}

#[test]
fn a_book_is_added_priced_and_withdrawn_by_commands() {
    let folder = tempfile::tempdir().unwrap();
    let mut services = serve_all(folder.path(), "127.0.0.1:0");
    let services = Process::start(services.env("BOOKSTORE_ADMIN_TOKEN", "a-token-for-tests"), 3).unwrap();
    let url = services.url("frontend");
    let run = |arguments: &str| {
        exit_and_output(&bookstore(&format!(
            "--url {url} --token a-token-for-tests {arguments}"
        )))
    };
    let add = "add 7 Sand --topic novels --cost 9.5 --author Me --stock 3 --json";
    let (exit, out, err) = run(add);
    let expected = r#"{"item":7,"title":"Sand","author":"Me","topic":"novels","cost":"9.50","stock":3,"seq":5}"#;
    assert_eq!((exit, out, err.as_str()), (0, format!("{expected}\n"), ""));
    let (exit, out, err) = run(add);
    assert_eq!((exit, out.as_str()), (1, ""));
    assert!(err.contains("item 7 is \"Sand\" already"), "{err}");
    let (exit, out, _) = run("price 7 12 --json");
    assert_eq!(
        (exit, out),
        (
            0,
            format!("{}\n", expected.replace("9.50", "12.00").replace(":5}", ":6}"))
        )
    );
    let (exit, out, _) = run("price 7 0.99");
    assert!(exit == 0 && out.contains("0.99") && out.contains("Sand"), "{out}");
    assert_eq!(run("price 77 1").0, 1);
    let (exit, out, _) = run("withdraw 7");
    assert_eq!((exit, out.trim()), (0, "withdrawn  7"));
    assert_eq!([run("withdraw 7").0, run("lookup 7").0, run("buy 7").0], [1, 1, 1]);
    for command in ["withdraw 1", "price 1 2", "add 8 T --topic t --cost 1"] {
        let (exit, _, err) = exit_and_output(&bookstore(&format!("--url {url} {command}")));
        assert!(
            exit == 2 && err.contains("needs the shopkeeper's token"),
            "{command}: {err}"
        );
    }
}

#[test]
fn standard_output_has_only_what_was_asked_for() {
    let empty = FrontEnd::always(200, r#"{"books":[]}"#);
    let (exit, out, err) = exit_and_output(&empty.bookstore("search nothing"));
    assert_eq!((exit, out.as_str(), err.as_str()), (0, "", "No books found.\n"));
    let more = FrontEnd::always(200, &format!(r#"{{"books":[{BOOK}],"next":"c"}}"#));
    let (_, out, err) = exit_and_output(&more.bookstore("search rpc --limit 1"));
    assert!(out.lines().count() == 2 && err.contains("--limit"), "{out}{err}");
    let events = FrontEnd::new(|_, _| Reply::EndedStream(EVENTS.to_owned()));
    let mut program = spawn(&format!("watch --url {}", events.url()));
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("item      2  stock    498  -1"), "{first}");
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn a_decision_found_after_the_deadline_counts() {
    let store = FrontEnd::new(|_, request| {
        if request.line.starts_with("GET /orders/") {
            Reply::Body(200, receipt())
        } else {
            Reply::HangUp
        }
    });
    let (exit, out, _) = exit_and_output(&store.bookstore(&format!("buy 2 --within 200ms --key {KEY} --json")));
    assert_eq!((exit, out), (0, format!("{}\n", receipt())));
}

#[test]
fn a_search_reads_pages_up_to_its_limit() {
    let page = |next: &str| format!(r#"{{"books":[{BOOK},{BOOK}]{next}}}"#);
    let store = FrontEnd::new(move |before, _| Reply::Body(200, page(if before < 2 { r#","next":"c""# } else { "" })));
    let (exit, out, _) = exit_and_output(&store.bookstore("search --topic systems --limit 150 --json"));
    assert_eq!(exit, 0);
    assert_eq!(out.matches("\"item\":2").count(), 6);
    let lines: Vec<_> = store.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /search?topic=systems&limit=100",
            "GET /search?topic=systems&limit=100&after=c",
            "GET /search?topic=systems&limit=100&after=c",
        ]
    );
    let (_, out, _) = exit_and_output(&FrontEnd::always(200, &page("")).bookstore("search rpc dummies"));
    insta::assert_snapshot!(out);
}

#[test]
fn control_characters_reach_neither_tables_nor_errors() {
    let store = FrontEnd::always(200, &BOOK.replace("RPCs", "\\u001b[2J\\u202e"));
    let (_, out, _) = exit_and_output(&store.bookstore("lookup 2"));
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out:?}");
    let store = FrontEnd::always(
        404,
        &problem(404, "unknown-item").replace("not now", "\\u001b]0;x\\u0007"),
    );
    let (_, _, err) = exit_and_output(&store.bookstore("lookup 2"));
    assert!(!err.contains('\u{1b}') && !err.contains('\u{7}'), "{err:?}");
}

#[test]
fn a_closed_output_is_not_an_error() {
    let store = FrontEnd::always(200, BOOK);
    let mut program = spawn(&format!("--url {} lookup 2", store.url()));
    drop(program.stdout.take());
    let (exit, _, err) = exit_and_output(&program.wait_with_output().unwrap());
    assert_eq!((exit, err.as_str()), (0, ""));
}

const EVENTS: &str = "event: hello\ndata: {\"seq\":9,\"store\":\"0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e\"}\n\n\
    event: stock\nid: 10\ndata: {\"seq\":10,\"item\":2,\"stock\":498,\"change\":-1,\"at\":\"2026-01-31T12:00:00.000000Z\"}\n\n";

#[test]
fn watch_prints_events_resumes_after_a_lost_connection_and_exits_by_the_signal_that_ends_it() {
    let store = FrontEnd::new(|_, _| Reply::EndedStream(EVENTS.to_owned()));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut program = spawn(&format!("watch --after 7 --json --url {}", store.url()));
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let first: Vec<_> = lines.by_ref().take(4).map(Result::unwrap).collect();
        let data: Vec<_> = EVENTS.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        assert_eq!(first, [data[0], data[1], data[0], data[1]]);
        kill_process(Pid::from_child(&program), signal).unwrap();
        assert_eq!(program.wait().unwrap().code(), Some(code));
    }
    let resumed: Vec<_> = store
        .requests()
        .iter()
        .filter_map(|request| request.header("last-event-id").map(str::to_owned))
        .take(2)
        .collect();
    assert_eq!(resumed, ["7", "10"]);
}

/// Runs a command until its first request, which gets no answer, and ends the command by a signal.
fn interrupt(arguments: &str, signal: Signal) -> (i32, String, String) {
    let (received, first_request) = std::sync::mpsc::channel();
    let store = FrontEnd::new(move |_, _| {
        received.send(()).unwrap();
        std::thread::park();
        Reply::HangUp
    });
    let program = spawn(&format!("{arguments} --url {}", store.url()));
    first_request.recv_timeout(WAIT_TIMEOUT).unwrap();
    kill_process(Pid::from_child(&program), signal).unwrap();
    exit_and_output(&program.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_buy_names_its_order() {
    for (signal, code) in [
        (Signal::INT, 130),
        (Signal::QUIT, 131),
        (Signal::TERM, 143),
        (Signal::HUP, 129),
    ] {
        let (exit, _, err) = interrupt(&format!("buy 2 --key {KEY}"), signal);
        assert!(exit == code && err.contains(KEY), "{exit}: {err}");
    }
}

#[test]
fn an_interrupted_restock_names_its_change() {
    for command in ["restock 2 --by 1", "withdraw 2"] {
        let (exit, _, err) = interrupt(&format!("{command} --token t"), Signal::INT);
        assert!(exit == 130 && err.contains("  order  "), "{exit}: {err}");
    }
}

/// Waits until a process listens for a signal.
fn wait_until_caught(process: u32, signal: Signal) {
    let start = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        if caught & (1 << (signal.as_raw() - 1)) != 0 {
            return;
        }
        assert!(start.elapsed() < WAIT_TIMEOUT, "{signal:?} is not caught");
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_ends_a_command_that_waits_for_its_store() {
    let home = Home::new();
    let _lock = home.lock_store();
    for arguments in ["watch", "topics", "autopilot --headless --own-store"] {
        let program = home.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
        // The command handles signals before it opens the store.
        wait_until_caught(program.id(), Signal::TERM);
        kill_process(Pid::from_child(&program), Signal::TERM).unwrap();
        let (exit, ..) = exit_and_output(&program.wait_with_output().unwrap());
        assert_eq!(exit, 143, "{arguments}");
    }
}

#[test]
fn a_misspelled_variable_causes_a_warning_on_standard_error() {
    let store = FrontEnd::always(200, BOOK);
    let mut lookup = command(&format!("--url {} --json lookup 2", store.url()));
    lookup.env("BOOKSTORE_GRASE", "1s").env("BOOKSTORE_STORE", "csv:x");
    let (exit, out, err) = exit_and_output(&lookup.output().unwrap());
    assert_eq!((exit, out.trim_end()), (0, BOOK));
    let expected = "bookstore: warning: the variable BOOKSTORE_GRASE has no effect; did you mean BOOKSTORE_GRACE?\n";
    assert_eq!(err, expected);
}

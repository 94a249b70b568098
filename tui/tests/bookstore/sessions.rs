//! Sessions in a pseudo-terminal, with the local store or with a front-end whose answers the test defines.
#![cfg(unix)]

use std::sync::atomic::{AtomicUsize, Ordering};

use backend::service::RunningServices;
use backend::settings::{AdminToken, AllInOneSettings};
use rustix::process::Signal;
use serde_json::{Value, json};
use testing::ReservedAddress;

use crate::front_end::{FrontEnd, Reply, bookstore, exit_and_output};
use crate::screen::{Home, Screen};

pub(crate) const DEFAULT_SIZE: (u16, u16) = (100, 30);

/// The outcome of a buy request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BuyOutcome {
    SoldOut,
    /// The first answer is lost.
    AnswerLost,
    /// No answer is sent.
    NoAnswer,
}

/// A shop with one book, whose buy requests have this outcome.
pub(crate) fn shop(title: &'static str, outcome: BuyOutcome) -> FrontEnd {
    let buys = AtomicUsize::new(0);
    let book = json!({"item": 1, "title": title, "topic": "all", "cost": "2.50", "stock": 9, "seq": 1});
    let sold = move |order: &str| {
        let receipt = json!({"order": order, "status": "sold", "item": 1, "title": title, "quantity": 1,
            "cost": "2.50", "total": "2.50", "stock": 8, "seq": 2, "at": "2026-01-31T12:00:00.000000Z"});
        Reply::Body(200, receipt.to_string())
    };
    FrontEnd::new(move |_, request| match request.line.split(['?', ' ']).nth(1).unwrap() {
        "/topics" => Reply::Body(200, json!({"topics": [{"topic": "all", "books": 1}]}).to_string()),
        "/search" => Reply::Body(200, json!({"books": [book]}).to_string()),
        "/events" => Reply::Stream(
            "event: hello\ndata: {\"seq\":1,\"store\":\"0190b6d5-0000-7000-8000-000000000001\"}\n\n".to_owned(),
        ),
        "/buy" => {
            let order = request.header("idempotency-key").unwrap();
            match (outcome, buys.fetch_add(1, Ordering::SeqCst)) {
                (BuyOutcome::SoldOut, _) => {
                    let problem = json!({"type": "about:blank", "title": "Sold out", "status": 409,
                        "code": "sold-out", "detail": "0 left", "item": 1, "stock": 0, "order": order});
                    Reply::Body(409, problem.to_string())
                }
                (BuyOutcome::AnswerLost, 0) => Reply::HangUp,
                (BuyOutcome::AnswerLost, _) => sold(order),
                (BuyOutcome::NoAnswer, _) => Reply::Stream(String::new()),
            }
        }
        path if let Some(order) = path.strip_prefix("/orders/") => sold(order),
        _ => Reply::Body(
            404,
            json!({"type": "about:blank", "title": "x", "status": 404,
            "code": "not-found", "detail": "x"})
            .to_string(),
        ),
    })
}

pub(crate) fn open_at(home: &Home, shop: &FrontEnd) -> Screen {
    let screen = Screen::open(home, DEFAULT_SIZE, &format!("--url {}", shop.url()));
    screen.wait_for_text("● live");
    screen
}

pub(crate) fn stock(home: &Home, item: u32) -> Value {
    let (code, out, err) = exit_and_output(&home.bookstore(&format!("--json lookup {item}")));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str::<Value>(&out).unwrap()["stock"].clone()
}

/// Opens the local store, with the services in the same process, and selects the first book.
pub(crate) fn open_local(home: &Home) -> Screen {
    let mut screen = Screen::open(home, DEFAULT_SIZE, "");
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
    screen.press("\r");
    screen.wait_for_text("b buy");
    screen
}

#[test]
fn buying_two_copies_keeps_the_receipt_across_restarts() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("b");
    screen.wait_for_dialog();
    screen.press("+");
    screen.wait_for_text("60.00");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.wait_for_text("2 copies for 60.00");
    screen.press("\r");
    screen.wait_for_text("398");
    assert_eq!(stock(&home, 1), 398, "read while the shop has the store open");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("qqq");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
    let mut screen = Screen::open(&home, DEFAULT_SIZE, "");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn a_cancelled_order_is_not_sent() {
    let home = Home::new();
    let mut screen = open_local(&home);
    for cancel in ["\r", "\u{1b}", "n"] {
        screen.press("b");
        screen.wait_for_dialog();
        screen.press(cancel);
        screen.wait_until_gone("Cancel Esc");
    }
    assert_eq!(stock(&home, 1), 400);
}

#[test]
fn a_sale_elsewhere_changes_the_stock_on_the_screen() {
    let home = Home::new();
    let mut screen = open_local(&home);
    assert_eq!(exit_and_output(&home.bookstore("buy 1 --quantity 7")).0, 0);
    screen.wait_for_text("393");
    screen.press("b");
    screen.wait_for_dialog();
    assert_eq!(exit_and_output(&home.bookstore("restock 1 --to 0")).0, 0);
    screen.wait_for_text("none are left");
    screen.press("y");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 0);
}

#[test]
fn sold_out_is_shown_as_an_outcome() {
    let (home, shop) = (Home::new(), shop("The Last Copy", BuyOutcome::SoldOut));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("The Last Copy");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    screen.wait_for_text("sold out");
    screen.press("\r");
    screen.wait_until_gone("Close");
}

#[test]
fn a_lost_answer_is_resolved_with_the_same_key() {
    let (home, shop) = (Home::new(), shop("A Book", BuyOutcome::AnswerLost));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    screen.wait_for_text("✓ sold");
    let keys: Vec<_> = shop
        .requests()
        .iter()
        .filter(|request| request.line == "POST /buy")
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn after_a_kill_an_unsettled_order_is_looked_up_and_not_sent_again() {
    let (home, shop) = (Home::new(), shop("A Book", BuyOutcome::NoAnswer));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    let sent = || {
        let requests = shop.requests();
        let buys = requests.iter().filter(|request| request.line == "POST /buy");
        buys.map(|buy| buy.header("idempotency-key").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    screen.wait_for("the order to be sent", |_| !sent().is_empty());
    screen.signal(Signal::KILL);
    drop(screen);
    let mut screen = open_at(&home, &shop);
    screen.press("2");
    screen.wait_for_text("✓ sold");
    let [order] = &sent()[..] else {
        panic!("sent again: {:?}", sent())
    };
    let question = format!("GET /orders/{order}");
    assert!(shop.requests().iter().any(|request| request.line == question));
}

#[test]
fn buying_the_last_copies_shows_that_none_are_left() {
    let home = Home::new();
    let mut screen = open_local(&home);
    for left in ["300", "200", "100", "none"] {
        screen.press("b");
        screen.wait_for_dialog();
        screen.press("100");
        screen.wait_for_text("3,000.00");
        screen.press("y");
        screen.wait_for_text("100 copies for 3,000.00");
        screen.press("\r");
        screen.wait_until_gone("100 copies for 3,000.00");
        screen.wait_for("the list", |screen| {
            let contents = screen.contents();
            contents.lines().any(|line| line.contains("▌ 1") && line.contains(left))
        });
    }
    screen.press("b");
    screen.wait_for_text("Cannot buy now: none are left");
    assert_eq!(stock(&home, 1), 0);
}

#[test]
fn pasted_text_neither_confirms_nor_runs_commands() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("\u{1b}[200~b2q\u{1b}[201~b");
    screen.wait_for_dialog();
    screen.press("\u{1b}[200~y\ty\r\u{1b}[201~+");
    screen.wait_for_text("60.00");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 400);
}

#[test]
fn the_shop_reconnects_to_a_restarted_server() {
    let home = Home::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = ReservedAddress::new().unwrap();
    let open = || {
        let store = format!("csv:{}", folder.path().display()).parse().unwrap();
        let grace = std::time::Duration::from_millis(100);
        let settings = AllInOneSettings {
            listen: address.get(),
            ..AllInOneSettings::on_free_ports(store, AdminToken::default(), grace)
        };
        runtime.block_on(RunningServices::open_all(&settings)).unwrap()
    };
    let all = open();
    let url = address.url();
    let mut screen = Screen::open(&home, DEFAULT_SIZE, &format!("--url {url}"));
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
    runtime.block_on(all.stop());
    screen.wait_for_text("◐ reconnecting");
    // The screen keeps the data meanwhile.
    screen.wait_for_text("RPCs for Dummies");
    let all = open();
    screen.press("R");
    screen.wait_for_text("● live");
    assert_eq!(
        exit_and_output(&bookstore(&format!("--url {url} buy 1 --quantity 3"))).0,
        0
    );
    screen.wait_for_text("397");
    runtime.block_on(all.stop());
}

#[test]
fn a_resize_keeps_the_dialog_and_its_input() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("b++");
    screen.wait_for_text("90.00");
    for size in [(60, 20), (160, 45), (40, 10)] {
        screen.resize(size);
        screen.wait_for("the dialog in its new place", |screen| {
            let contents = screen.contents();
            contents.contains("90.00") && contents.contains("Cancel Esc")
        });
    }
    screen.resize((39, 9));
    screen.wait_for_text("too small");
    screen.resize(DEFAULT_SIZE);
    screen.wait_for_text("90.00");
    screen.press("y");
    screen.wait_for_text("3 copies for 90.00");
}

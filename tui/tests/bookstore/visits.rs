//! Whole visits: the real program on a real pseudo-terminal, at its own store or at a front-end that answers as told.
#![cfg(unix)]

use backend::all_in_one::AllInOne;
use backend::settings::{AdminToken, AllInOneSettings};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::front_end::{FrontEnd, Reply, bookstore, said};
use crate::screen::{Home, Screen};

pub(crate) const USUAL: (u16, u16) = (100, 30);

/// What becomes of a purchase.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    SoldOut,
    /// The first answer is lost.
    Lost,
    /// No answer comes.
    Held,
}

/// One book, and a purchase with that fate.
pub(crate) fn shop(title: &'static str, fate: Fate) -> FrontEnd {
    let buys = AtomicUsize::new(0);
    let book = json!({"item": 1, "title": title, "topic": "all", "cost": "2.50", "stock": 9, "seq": 1});
    let sold = move |order: &str| {
        let receipt = json!({"order": order, "status": "sold", "item": 1, "title": title, "quantity": 1,
            "cost": "2.50", "total": "2.50", "stock": 8, "seq": 2, "at": "2026-01-31T12:00:00.000000Z"});
        Reply::Body(200, receipt.to_string())
    };
    FrontEnd::new(move |_, asked| match asked.line.split(['?', ' ']).nth(1).unwrap() {
        "/topics" => Reply::Body(200, json!({"topics": [{"topic": "all", "books": 1}]}).to_string()),
        "/search" => Reply::Body(200, json!({"books": [book]}).to_string()),
        "/events" => Reply::Stream(
            "event: hello\ndata: {\"seq\":1,\"store\":\"0190b6d5-0000-7000-8000-000000000001\"}\n\n".to_owned(),
        ),
        "/buy" => {
            let order = asked.header("idempotency-key").unwrap();
            match (fate, buys.fetch_add(1, Ordering::SeqCst)) {
                (Fate::SoldOut, _) => {
                    let problem = json!({"type": "about:blank", "title": "Sold out", "status": 409,
                        "code": "sold-out", "detail": "0 left", "item": 1, "stock": 0, "order": order});
                    Reply::Body(409, problem.to_string())
                }
                (Fate::Lost, 0) => Reply::HangUp,
                (Fate::Lost, _) => sold(order),
                (Fate::Held, _) => Reply::Stream(String::new()),
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

pub(crate) fn at(home: &Home, shop: &FrontEnd) -> Screen {
    let screen = Screen::open(home, USUAL, &format!("--url {}", shop.url()));
    screen.wait_for_text("● live");
    screen
}

pub(crate) fn stock(home: &Home, item: u32) -> Value {
    let (code, out, err) = said(&home.bookstore(&format!("--json lookup {item}")));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str::<Value>(&out).unwrap()["stock"].clone()
}

/// At the user's own store, the services in the same process, the first book selected.
pub(crate) fn own(home: &Home) -> Screen {
    let mut screen = Screen::open(home, USUAL, "");
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
    screen.press("\r");
    screen.wait_for_text("b buy");
    screen
}

#[test]
fn a_visit_buys_two_copies_and_keeps_the_receipt() {
    let home = Home::new();
    let mut screen = own(&home);
    screen.press("b");
    screen.wait_for_dialog();
    screen.press("+");
    screen.wait_for_text("60.00");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.wait_for_text("2 copies for 60.00");
    screen.press("\r");
    screen.wait_for_text("398");
    assert_eq!(stock(&home, 1), 398, "asked while the shop holds the store");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("qqq");
    screen.is_given_back();
    assert_eq!(screen.exit_code(), 0);
    let mut screen = Screen::open(&home, USUAL, "");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn what_is_cancelled_is_not_bought() {
    let home = Home::new();
    let mut screen = own(&home);
    for cancel in ["\r", "\u{1b}", "n"] {
        screen.press("b");
        screen.wait_for_dialog();
        screen.press(cancel);
        screen.wait_until_gone("Cancel Esc");
    }
    assert_eq!(stock(&home, 1), 400);
}

#[test]
fn a_sale_elsewhere_moves_the_shelf_and_empties_it() {
    let home = Home::new();
    let mut screen = own(&home);
    assert_eq!(said(&home.bookstore("buy 1 --quantity 7")).0, 0);
    screen.wait_for_text("393");
    screen.press("b");
    screen.wait_for_dialog();
    assert_eq!(said(&home.bookstore("restock 1 --to 0")).0, 0);
    screen.wait_for_text("none are left");
    screen.press("y");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 0);
}

#[test]
fn sold_out_is_an_outcome_calmly_shown() {
    let (home, shop) = (Home::new(), shop("The Last Copy", Fate::SoldOut));
    let mut screen = at(&home, &shop);
    screen.wait_for_text("The Last Copy");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    screen.wait_for_text("sold out");
    screen.press("\r");
    screen.wait_until_gone("Close");
}

#[test]
fn a_lost_answer_is_settled_by_the_same_key() {
    let (home, shop) = (Home::new(), shop("A Book", Fate::Lost));
    let mut screen = at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    screen.wait_for_text("✓ sold");
    let keys: Vec<_> = shop
        .asked()
        .iter()
        .filter(|asked| asked.line == "POST /buy")
        .map(|asked| asked.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_shop_killed_in_the_middle_of_a_purchase_asks_for_it_at_the_next_start_and_never_sends_it_again() {
    let (home, shop) = (Home::new(), shop("A Book", Fate::Held));
    let mut screen = at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.press("\rb");
    screen.wait_for_dialog();
    screen.press("y");
    let sent = || {
        let asked = shop.asked();
        let buys = asked.iter().filter(|asked| asked.line == "POST /buy");
        buys.map(|buy| buy.header("idempotency-key").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    screen.wait_for("the order on its way", |_| !sent().is_empty());
    screen.signal(Signal::KILL);
    drop(screen);
    let mut screen = at(&home, &shop);
    screen.press("2");
    screen.wait_for_text("✓ sold");
    let [order] = &sent()[..] else {
        panic!("sent again: {:?}", sent())
    };
    let question = format!("GET /orders/{order}");
    assert!(shop.asked().iter().any(|asked| asked.line == question));
}

#[test]
fn whoever_buys_the_last_copies_is_told_that_none_are_left() {
    let home = Home::new();
    let mut screen = own(&home);
    for left in ["300", "200", "100", "none"] {
        screen.press("b");
        screen.wait_for_dialog();
        screen.press("100");
        screen.wait_for_text("3,000.00");
        screen.press("y");
        screen.wait_for_text("100 copies for 3,000.00");
        screen.press("\r");
        screen.wait_until_gone("100 copies for 3,000.00");
        screen.wait_for("the shelf", |screen| {
            let contents = screen.contents();
            contents.lines().any(|line| line.contains("▌ 1") && line.contains(left))
        });
    }
    screen.press("b");
    screen.wait_for_text("Cannot buy now: none are left");
    assert_eq!(stock(&home, 1), 0);
}

#[test]
fn a_pasted_text_neither_confirms_nor_runs_anything() {
    let home = Home::new();
    let mut screen = own(&home);
    screen.press("\u{1b}[200~b2q\u{1b}[201~b");
    screen.wait_for_dialog();
    screen.press("\u{1b}[200~y\ty\r\u{1b}[201~+");
    screen.wait_for_text("60.00");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 400);
}

#[test]
fn a_server_that_goes_and_comes_back_is_followed_again() {
    let guest = Home::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let open = |listen: &str| {
        let store = format!("csv:{}", folder.path().display()).parse().unwrap();
        let grace = std::time::Duration::from_millis(100);
        let settings = AllInOneSettings {
            listen: listen.parse().unwrap(),
            ..AllInOneSettings::on_free_ports(store, AdminToken::default(), grace)
        };
        runtime.block_on(AllInOne::open(&settings)).unwrap()
    };
    let all = open("127.0.0.1:0");
    let url = all.url();
    let mut screen = Screen::open(&guest, USUAL, &format!("--url {url}"));
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
    runtime.block_on(all.stop());
    screen.wait_for_text("◐ reconnecting");
    // What was read stays on the screen meanwhile.
    screen.wait_for_text("RPCs for Dummies");
    let all = open(url.trim_start_matches("http://"));
    screen.press("R");
    screen.wait_for_text("● live");
    assert_eq!(said(&bookstore(&format!("--url {url} buy 1 --quantity 3"))).0, 0);
    screen.wait_for_text("397");
    runtime.block_on(all.stop());
}

#[test]
fn a_resize_during_the_dialog_loses_nothing() {
    let home = Home::new();
    let mut screen = own(&home);
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
    screen.resize(USUAL);
    screen.wait_for_text("90.00");
    screen.press("y");
    screen.wait_for_text("3 copies for 90.00");
}

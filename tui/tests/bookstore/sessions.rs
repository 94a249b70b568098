//! Sessions in a pseudo-terminal, with the local store or with a front-end whose answers the test defines.
#![cfg(unix)]

use rustix::process::Signal;
use serde_json::Value;
use testing::{Process, ReservedAddress};

use crate::front_end::{FrontEnd, bookstore, exit_and_output, serve_all};
use crate::screen::{DEFAULT_SIZE, Home, Screen};
use crate::test_shop::{Fault, shop};

pub(crate) fn open_at(home: &Home, shop: &FrontEnd) -> Screen {
    let screen = Screen::open(home, &format!("--url {}", shop.url()));
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
    let mut screen = Screen::open(home, "");
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
    screen.open_dialog("b");
    screen.press("+");
    screen.wait_for_text("60.00");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.wait_for_text("60.00 for 2 copies");
    screen.press("\r");
    screen.wait_for_text("398");
    assert_eq!(stock(&home, 1), 398, "the stock while the shop has the store open");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("qqq");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
    let mut screen = Screen::open(&home, "");
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
        screen.open_dialog("b");
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
    screen.open_dialog("b");
    assert_eq!(exit_and_output(&home.bookstore("restock 1 --to 0")).0, 0);
    screen.wait_for_text("none are left");
    screen.press("y");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 0);
}

#[test]
fn sold_out_is_shown_as_an_outcome() {
    let (home, shop) = (Home::new(), shop(9, Fault::SoldOut));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for_text("sold out");
    screen.press("\r");
    screen.wait_until_gone("Close");
}

#[test]
fn a_lost_answer_is_resolved_with_the_same_key() {
    let (home, shop) = (Home::new(), shop(9, Fault::LosesAnswers));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    let keys = shop.order_keys();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn after_a_kill_a_pending_order_is_looked_up_and_not_sent_again() {
    let (home, shop) = (Home::new(), shop(9, Fault::NeverAnswersSales));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for("the order to be sent", |_| !shop.order_keys().is_empty());
    screen.signal(Signal::KILL);
    drop(screen);
    let mut screen = open_at(&home, &shop);
    screen.press("2");
    screen.wait_for_text("✓ sold");
    let orders = shop.order_keys();
    assert_eq!(orders.len(), 1, "the order was sent again: {orders:?}");
    let question = format!("GET /orders/{}", orders[0]);
    assert!(shop.requests().iter().any(|request| request.line == question));
}

#[test]
fn buying_the_last_copies_shows_that_none_are_left() {
    let home = Home::new();
    let mut screen = open_local(&home);
    for left in ["300", "200", "100", "none"] {
        screen.open_dialog("b");
        screen.press("100");
        screen.wait_for_text("3,000.00");
        screen.press("y");
        screen.wait_for_text("3,000.00 for 100 copies");
        screen.press("\r");
        screen.wait_until_gone("3,000.00 for 100 copies");
        screen.wait_for("the list", |screen| {
            let contents = screen.contents();
            contents.lines().any(|line| line.contains("▌1") && line.contains(left))
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
    screen.open_dialog("\u{1b}[200~b2q\u{1b}[201~b");
    screen.press("\u{1b}[200~y\ty\r\u{1b}[201~+");
    screen.wait_for_text("60.00");
    screen.press("\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    assert_eq!(stock(&home, 1), 400);
}

#[test]
fn the_shop_reconnects_to_a_restarted_server() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    let address = ReservedAddress::new().unwrap();
    let open = || Process::start(&mut serve_all(folder.path(), &address.to_string()), 3).unwrap();
    let services = open();
    let url = address.url();
    let mut screen = Screen::open(&home, &format!("--url {url}"));
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
    assert!(services.stop().success());
    screen.wait_for_text("◐ reconnecting");
    // The screen keeps the data during the outage.
    screen.wait_for_text("RPCs for Dummies");
    let _services = open();
    screen.press("R");
    screen.wait_for_text("● live");
    let bought = bookstore(&format!("--url {url} buy 1 --quantity 3"));
    assert_eq!(exit_and_output(&bought).0, 0);
    screen.wait_for_text("397");
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
    screen.wait_for_text("90.00 for 3 copies");
}

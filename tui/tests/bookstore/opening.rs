//! Shops that open slowly or cannot be reached, and the order that is on disk before its request is sent.

use serde_json::json;

use crate::front_end::{FrontEnd, Reply};
use crate::screen::{Home, Screen};
use crate::test_shop::problem;

/// Nothing listens on the discard port.
const UNREACHABLE: &str = "--url http://127.0.0.1:9";

#[test]
fn the_shop_is_usable_while_the_store_opens() {
    let home = Home::new();
    let lock = home.lock_store();
    let mut screen = Screen::open(&home, "");
    screen.wait_for_text("opening the store");
    screen.press("?");
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}");
    drop(lock);
    screen.wait_for_text("● live");
    screen.wait_for_text("RPCs for Dummies");
}

#[test]
fn an_unreachable_shop_can_be_opened() {
    let mut screen = Screen::open(&Home::new(), UNREACHABLE);
    screen.wait_for_text("Topics");
    screen.wait_for_text("reconnecting");
    screen.wait_for("paste and mouse captured", |screen| {
        screen.alternate_screen()
            && screen.bracketed_paste()
            && screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
    });
    screen.press("?");
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}");
    screen.wait_until_gone("What every key does");
    screen.press("\u{3}");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn a_key_pressed_during_a_resize_is_not_lost() {
    let mut screen = Screen::open(&Home::new(), UNREACHABLE);
    screen.wait_for_text("reconnecting");
    for round in 0..40 {
        let (columns, key, title) = match round % 2 {
            0 => (50, "4", "4 Services"),
            _ => (60, "2", "2 Orders"),
        };
        screen.resize((columns, 12));
        screen.press(key);
        screen.wait_for_text(title);
    }
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn an_order_is_on_disk_before_its_request_is_sent() {
    let home = Home::new();
    let journal = home.journal();
    let book = json!({"item": 1, "title": "A Book", "topic": "all", "cost": "2.50", "stock": 9, "seq": 1});
    let shop = FrontEnd::new(move |_, request| {
        let (status, body) = match request.line.split(['?', ' ']).nth(1).unwrap() {
            "/topics" => (200, json!({"topics": [{"topic": "all", "books": 1}]})),
            "/search" => (200, json!({"books": [book]})),
            "/buy" => {
                let order = request.header("idempotency-key").unwrap();
                let recorded = std::fs::read_to_string(&journal).is_ok_and(|journal| journal.contains(order));
                (409, problem(409, if recorded { "sold-out" } else { "unknown-item" }))
            }
            _ => return Reply::HangUp,
        };
        Reply::Body(status, body.to_string())
    });
    let mut screen = Screen::open(&home, &format!("--url {}", shop.url()));
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for_text("sold out");
}

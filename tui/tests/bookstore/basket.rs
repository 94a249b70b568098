//! The basket in a pseudo-terminal: across restarts, kills and programs, and bought as one order.
#![cfg(unix)]

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::front_end::{WAIT_TIMEOUT, exit_and_output};
use crate::screen::{Home, Screen};
use crate::sessions::{open_at, open_local, stock};
use crate::test_shop::{Fault, shop};

fn wait_for_file(home: &Home, what: &str, wanted: impl Fn(&str) -> bool) {
    let start = Instant::now();
    while !wanted(&home.baskets()) {
        assert!(start.elapsed() < WAIT_TIMEOUT, "never saw {what}: {}", home.baskets());
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn run(home: &Home, arguments: &str) -> String {
    let (code, out, err) = exit_and_output(&home.bookstore(arguments));
    assert_eq!(code, 0, "{arguments}: {err}");
    out
}

#[test]
fn a_basket_survives_a_kill_and_is_bought_as_one_order() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("aaja");
    screen.wait_for_text("basket 3 · 100.00");
    wait_for_file(&home, "both books", |basket| basket.matches("\"item\"").count() == 2);
    screen.signal(Signal::KILL);
    drop(screen);
    let mut screen = Screen::open(&home, "");
    screen.wait_for_text("basket 3 · 100.00");
    screen.press("B");
    screen.wait_for_text("2 books");
    // Sales by others mark the line at once.
    run(&home, "restock 2 --to 0");
    screen.wait_for_text("none left");
    screen.open_dialog("b");
    screen.wait_for_text("Cannot buy: too few copies are left of a book.");
    screen.press("y\u{1b}");
    screen.wait_until_gone("Cancel Esc");
    run(&home, "price 1 35");
    screen.wait_for_text("was 30.00");
    run(&home, "restock 2 --to 5");
    screen.wait_until_gone("none left");
    screen.open_dialog("b");
    screen.wait_for_text("110.00");
    screen.press("y");
    screen.wait_for_text("110.00 for 3 copies");
    screen.press("\u{1b}");
    screen.wait_until_gone("basket 3");
    assert_eq!((stock(&home, 1), stock(&home, 2)), (398.into(), 4.into()));
    screen.press("2");
    screen.wait_for_text("and 1 more");
    screen.wait_for_text("2 × 35.00");
    let listed: Value = serde_json::from_str(&run(&home, "orders --json")).unwrap();
    assert_eq!(listed["orders"][0]["lines"].as_array().unwrap().len(), 2);
    assert_eq!(listed["orders"][0]["total"], "110.00");
    wait_for_file(&home, "an empty basket", |basket| basket.contains("\"lines\":[]"));
}

#[test]
fn a_basket_whose_shop_was_killed_while_it_was_bought_is_settled_and_not_bought_again() {
    let (home, shop) = (Home::new(), shop(9, Fault::NeverAnswersSales));
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("A Book");
    screen.press("\raja");
    screen.wait_for_text("basket 2 · 5.00");
    screen.press("B");
    screen.open_dialog("b");
    screen.press("y");
    screen.wait_for("the order to be sent", |_| !shop.order_keys().is_empty());
    let keys = shop.order_keys();
    assert!(
        home.baskets().contains(&keys[0]),
        "the basket names its order before it is sent"
    );
    screen.signal(Signal::KILL);
    drop(screen);
    let mut screen = open_at(&home, &shop);
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.wait_until_gone("basket 2");
    assert_eq!(shop.order_keys(), keys, "the order was sent again");
}

#[test]
fn two_shops_of_a_user_never_lose_each_others_books() {
    let home = Home::new();
    let mut first = open_local(&home);
    let mut second = open_local(&home);
    first.press("a");
    first.wait_for_text("basket 1 · 30.00");
    wait_for_file(&home, "the first book", |basket| basket.contains("\"item\":1"));
    second.press("ja");
    second.wait_for_text("Another program has changed the basket");
    second.wait_for_text("basket 1 · 30.00");
    second.press("a");
    second.wait_for_text("basket 2 · 70.00");
    first.press("B");
    first.wait_for_text("2 books");
}

#[test]
fn a_damaged_basket_is_moved_aside_and_reported() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("a");
    wait_for_file(&home, "the book", |basket| basket.contains("\"item\":1"));
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 0);
    let folder = home.store().with_file_name("baskets");
    let file = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let file = file.max().unwrap();
    std::fs::write(&file, "{\"format\":1,\"lines\":7}").unwrap();
    let mut screen = open_local(&home);
    screen.wait_for_text("is damaged; it was renamed");
    assert!(file.with_extension("json.damaged").exists());
    screen.press("a");
    screen.wait_for_text("basket 1 · 30.00");
    wait_for_file(&home, "the book", |basket| basket.contains("\"item\":1"));
}

//! The autopilot's screen in a real pseudo-terminal.
#![cfg(unix)]

use crate::listed_shop::healthy_shop;
use crate::screen::{Home, Screen};

#[test]
fn keys_steer_the_run_and_the_terminal_is_given_back_with_the_summary() {
    for (leave, exit) in [("q", 0), ("\u{3}", 130)] {
        let (home, store) = (Home::new(), healthy_shop());
        let mut screen = Screen::open(
            &home,
            (100, 30),
            &format!("--url {} autopilot --seed 5 --token secret", store.url()),
        );
        screen.wait_for("the alternate screen", vt100::Screen::alternate_screen);
        screen.wait_for_text("● running");
        screen.press("]");
        screen.wait_for_text("2 shoppers");
        screen.press("[");
        screen.wait_for_text("1 shopper ");
        screen.press("p");
        screen.wait_for_text("‖ paused");
        screen.press("p");
        screen.wait_for_text("● running");
        screen.press("s");
        screen.wait_for_text("stopped  audit clean");
        screen.press("s");
        screen.wait_for_text("● running");
        screen.press(" ");
        screen.wait_for_text("‖ frozen");
        screen.press(" +");
        screen.wait_for_text("-120s");
        screen.press("e");
        screen.wait_for("one chart", |screen| !screen.contents().contains("Latency ms"));
        screen.press("e");
        screen.wait_for("the other", |screen| !screen.contents().contains("Throughput"));
        screen.press("\u{1b}");
        screen.wait_for_text("Throughput");
        screen.press(leave);
        screen.wait_for_text("audit: clean");
        assert_eq!(screen.exit_code(), exit);
        screen.is_given_back();
    }
}

#[test]
fn a_run_that_ends_by_itself_leaves_the_screen() {
    let (home, store) = (Home::new(), healthy_shop());
    let mut screen = Screen::open(
        &home,
        (100, 30),
        &format!(
            "--url {} autopilot --seed 5 --requests 50 --ascii --color never",
            store.url()
        ),
    );
    screen.wait_for_text("50 requests in");
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn the_screen_stands_while_the_store_is_being_opened_and_the_shoppers_come_in_then() {
    let home = Home::new();
    let lock = home.lock_store();
    let mut screen = Screen::open(&home, (100, 30), "autopilot --seed 5");
    screen.wait_for_text("opening the store");
    screen.wait_for_text("The shoppers come in");
    screen.press("?");
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}");
    drop(lock);
    screen.wait_for_text("● running");
    screen.wait_for_text("seed 5");
    screen.press("q");
    screen.wait_for_text("audit: clean");
    assert_eq!(screen.exit_code(), 0);
    screen.is_given_back();
}

#[test]
fn left_before_the_store_is_open_nobody_has_shopped() {
    for (leave, exit) in [("q", 0), ("\u{3}", 130)] {
        let home = Home::new();
        let _lock = home.lock_store();
        let mut screen = Screen::open(&home, (100, 30), "autopilot");
        screen.wait_for_text("The shoppers come in");
        screen.press(leave);
        assert_eq!(screen.exit_code(), exit);
        screen.is_given_back();
    }
}

#[test]
fn what_keeps_the_shoppers_out_is_explained_when_the_terminal_is_given_back() {
    let store = healthy_shop();
    let guest = format!("--url {} autopilot --restock 5", store.url());
    for (arguments, exit, why) in [
        ("--url http://127.0.0.1:9 autopilot", 3, "127.0.0.1:9"),
        (guest.as_str(), 2, "--restock needs the shopkeeper's token"),
    ] {
        let mut screen = Screen::open(&Home::new(), (100, 30), arguments);
        assert_eq!(screen.exit_code(), exit, "{arguments}");
        screen.is_given_back();
        screen.wait_for_text(why);
    }
}

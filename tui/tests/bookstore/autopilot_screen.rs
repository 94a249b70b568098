//! The autopilot's screen in a real pseudo-terminal.
#![cfg(unix)]

use crate::screen::{Home, Screen};
use crate::test_shop::correct_shop;

#[test]
fn keys_control_the_run_and_the_terminal_is_restored_with_the_summary() {
    for (leave, exit) in [("q", 0), ("\u{3}", 130)] {
        let (home, store) = (Home::new(), correct_shop());
        let mut screen = Screen::open(
            &home,
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
        // The hint is updated after the run's state; until then `s` is disabled.
        screen.wait_for_text("s start");
        screen.press("s");
        screen.wait_for_text("Their purchases are real");
        screen.press("y");
        screen.wait_for_text("● running");
        screen.press(" ");
        screen.wait_for_text("‖ frozen");
        screen.press(" +");
        screen.wait_for_text("-120s");
        screen.press("e");
        screen.wait_for("one chart", |screen| !screen.contents().contains("Latency ms"));
        screen.press("e");
        screen.wait_for("the other chart", |screen| !screen.contents().contains("Throughput"));
        screen.press("\u{1b}");
        screen.wait_for_text("Throughput");
        screen.press(leave);
        screen.wait_for_text("audit: clean");
        assert_eq!(screen.exit_code(), exit);
        screen.assert_terminal_restored();
    }
}

#[test]
fn a_run_that_ends_closes_the_screen() {
    let (home, store) = (Home::new(), correct_shop());
    let arguments = "autopilot --seed 5 --requests 50 --ascii --color never";
    let mut screen = Screen::open(&home, &format!("--url {} {arguments}", store.url()));
    screen.wait_for_text("50 requests in");
    assert_eq!(screen.exit_code(), 0);
}

#[test]
fn the_screen_is_shown_while_the_store_opens_and_the_run_starts_afterwards() {
    let home = Home::new();
    let lock = home.lock_store();
    let mut screen = Screen::open(&home, "autopilot --own-store --seed 5");
    screen.wait_for_text("opening the store");
    screen.wait_for_text("The autopilot is not available yet");
    screen.press("?");
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}");
    drop(lock);
    screen.wait_for_text("● running");
    screen.wait_for_text("seed 5");
    screen.press("q");
    screen.wait_for_text("audit: clean");
    assert_eq!(screen.exit_code(), 0);
    screen.assert_terminal_restored();
}

#[test]
fn quitting_before_the_store_is_open_ends_without_a_run() {
    for (leave, exit) in [("q", 0), ("\u{3}", 130)] {
        let home = Home::new();
        let _lock = home.lock_store();
        let mut screen = Screen::open(&home, "autopilot --own-store");
        screen.wait_for_text("The autopilot is not available yet");
        screen.press(leave);
        assert_eq!(screen.exit_code(), exit);
        screen.assert_terminal_restored();
    }
}

#[test]
fn the_reason_why_the_shop_or_a_run_cannot_start_is_printed_after_the_terminal_is_restored() {
    let (home, store) = (Home::new(), correct_shop());
    home.break_store();
    let guest = format!("--url {} autopilot --restock 5", store.url());
    for (arguments, exit, why) in [
        ("", 3, "bookstore/store"),
        ("--url http://127.0.0.1:9 autopilot", 3, "127.0.0.1:9"),
        (guest.as_str(), 2, "--restock needs the shopkeeper's token"),
    ] {
        let mut screen = Screen::open(&home, arguments);
        assert_eq!(screen.exit_code(), exit, "{arguments}");
        screen.assert_terminal_restored();
        screen.wait_for_text(why);
    }
}

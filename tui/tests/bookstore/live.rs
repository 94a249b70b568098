//! The autopilot's screen in a real pseudo-terminal.

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

//! The terminal vanishes: its window is closed, its connection breaks, its shell hangs up.
#![cfg(unix)]

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use crate::listed_shop::healthy_shop;
use crate::screen::{Home, Screen};
use crate::visits::{USUAL, own, stock};

/// 128 and the number of SIGHUP.
const HUNG_UP: u32 = 129;

/// What becomes of the terminal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// It is closed; the system sends SIGHUP.
    Closed,
    /// It is closed, and nobody is told.
    ClosedInSilence,
    /// SIGHUP comes and the terminal stays.
    Signal,
}

const ENDS: [End; 3] = [End::Closed, End::ClosedInSilence, End::Signal];

/// Without a controlling terminal no signal comes when it is closed.
fn open(home: &Home, arguments: &str, end: End) -> Screen {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_bookstore"));
    command.args(arguments.split_whitespace());
    command.set_controlling_tty(end != End::ClosedInSilence);
    Screen::run(home, USUAL, command)
}

fn hang_up(screen: &mut Screen, end: End) {
    match end {
        End::Closed | End::ClosedInSilence => screen.close(),
        End::Signal => screen.signal(Signal::HUP),
    }
}

/// The books in the file that a store writes at a clean stop.
fn checkpoint(home: &Home) -> String {
    std::fs::read_to_string(home.store().join("catalog.csv")).unwrap()
}

#[test]
fn a_terminal_that_is_gone_ends_the_shop_which_keeps_what_was_bought() {
    for end in ENDS {
        let home = Home::new();
        let mut screen = open(&home, "", end);
        screen.wait_for_text("RPCs for Dummies");
        screen.press("\r");
        screen.wait_for_text("b buy");
        screen.press("b");
        screen.wait_for_dialog();
        screen.press("y");
        screen.wait_for_text("✓ sold");
        hang_up(&mut screen, end);
        assert_eq!(screen.exit_code(), HUNG_UP, "{end:?}");
        if end == End::Signal {
            screen.is_given_back();
        }
        let books = checkpoint(&home);
        assert!(
            books
                .lines()
                .any(|book| book.starts_with("1,") && book.contains(",399,")),
            "{end:?}: {books}"
        );
        assert_eq!(stock(&home, 1), 399, "the store is free");
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_autopilot_too() {
    for end in ENDS {
        let home = Home::new();
        let page = home.store().with_file_name("report.html");
        let mut screen = open(&home, &format!("autopilot --html {}", page.display()), end);
        screen.wait_for_text("● running");
        hang_up(&mut screen, end);
        assert_eq!(screen.exit_code(), HUNG_UP, "{end:?}");
        if end == End::Signal {
            screen.is_given_back();
        }
        assert!(checkpoint(&home).contains("RPCs for Dummies"), "{end:?}");
        assert!(std::fs::read_to_string(page).unwrap().contains("cut short"), "{end:?}");
        stock(&home, 1);
    }
}

#[test]
fn a_terminal_that_is_gone_while_the_store_is_being_opened_ends_the_shop() {
    for (arguments, end) in [
        ("", End::Closed),
        ("", End::ClosedInSilence),
        ("autopilot", End::ClosedInSilence),
    ] {
        let home = Home::new();
        let _lock = home.lock_store();
        let mut screen = open(&home, arguments, end);
        screen.wait_for_text("opening the store");
        hang_up(&mut screen, end);
        assert_eq!(screen.exit_code(), HUNG_UP, "{arguments} {end:?}");
    }
}

#[test]
fn a_second_signal_does_not_disturb_the_clean_stop() {
    for second in [Signal::HUP, Signal::TERM, Signal::INT] {
        let home = Home::new();
        let mut screen = own(&home);
        screen.signal(Signal::HUP);
        screen.is_given_back();
        screen.signal(second);
        assert_eq!(screen.exit_code(), HUNG_UP, "{second:?}");
        assert!(checkpoint(&home).contains("RPCs for Dummies"));
    }
}

#[test]
fn without_an_input_that_is_a_terminal_the_shop_does_not_open() {
    for input in ["<&-", "</dev/null"] {
        let home = Home::new();
        let mut shell = CommandBuilder::new("sh");
        shell.args(["-c", &format!("exec {} {input}", env!("CARGO_BIN_EXE_bookstore"))]);
        let mut screen = Screen::run(&home, USUAL, shell);
        screen.wait_for_text("the interactive shop needs a terminal");
        assert_eq!(screen.exit_code(), 2, "{input}");
    }
}

#[test]
fn without_an_input_that_is_a_terminal_the_autopilot_tells_its_seconds() {
    let (home, store) = (Home::new(), healthy_shop());
    let mut shell = CommandBuilder::new("sh");
    let program = env!("CARGO_BIN_EXE_bookstore");
    let line = format!("exec {program} --url {} autopilot --requests 50 <&-", store.url());
    shell.args(["-c", &line]);
    let mut screen = Screen::run(&home, USUAL, shell);
    screen.wait_for_text("50 requests in");
    assert_eq!(screen.exit_code(), 0);
    assert!(!screen.written().contains('\u{1b}'));
}

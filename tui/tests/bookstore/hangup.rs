//! The terminal is closed, or its shell hangs up.
#![cfg(unix)]

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use crate::screen::{DEFAULT_SIZE, Home, Screen};
use crate::sessions::{open_local, stock};
use crate::test_shop::correct_shop;

/// 128 + SIGHUP.
const HUNG_UP: u32 = 129;
/// 128 + SIGTERM.
const TERMINATED: u32 = 143;

/// How the program loses its terminal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The terminal is closed, and the system sends SIGHUP.
    Closed,
    /// The terminal is closed, and no signal is sent.
    ClosedWithoutSignal,
    /// SIGHUP is sent, and the terminal stays open.
    Signal,
}

const ENDS: [End; 3] = [End::Closed, End::ClosedWithoutSignal, End::Signal];

/// Opens the program. Closing a terminal sends no signal unless it is the program's controlling terminal.
fn open(home: &Home, arguments: &str, end: End) -> Screen {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_bookstore"));
    command.args(arguments.split_whitespace());
    command.set_controlling_tty(end != End::ClosedWithoutSignal);
    Screen::run(home, DEFAULT_SIZE, command)
}

fn hang_up(screen: &mut Screen, end: End) {
    match end {
        End::Closed | End::ClosedWithoutSignal => screen.close(),
        End::Signal => screen.signal(Signal::HUP),
    }
}

/// The books in the file that a store writes at a clean stop.
fn checkpoint(home: &Home) -> String {
    std::fs::read_to_string(home.store().join("catalog.csv")).unwrap()
}

#[test]
fn closing_the_terminal_ends_the_shop_and_keeps_the_orders() {
    for end in ENDS {
        let home = Home::new();
        let mut screen = open(&home, "", end);
        screen.wait_for_text("RPCs for Dummies");
        screen.press("\r");
        screen.wait_for_text("b buy");
        screen.open_dialog("b");
        screen.press("y");
        screen.wait_for_text("✓ sold");
        hang_up(&mut screen, end);
        assert_eq!(screen.exit_code(), HUNG_UP, "{end:?}");
        if end == End::Signal {
            screen.assert_terminal_restored();
        }
        let books = checkpoint(&home);
        assert!(
            books
                .lines()
                .any(|book| book.starts_with("1,") && book.contains(",399,")),
            "{end:?}: {books}"
        );
        assert_eq!(stock(&home, 1), 399, "the store is closed");
    }
}

#[test]
fn closing_the_terminal_ends_the_autopilot() {
    for end in ENDS {
        let home = Home::new();
        let page = home.store().with_file_name("report.html");
        let mut screen = open(&home, &format!("autopilot --own-store --html {}", page.display()), end);
        screen.wait_for_text("● running");
        hang_up(&mut screen, end);
        assert_eq!(screen.exit_code(), HUNG_UP, "{end:?}");
        if end == End::Signal {
            screen.assert_terminal_restored();
        }
        assert!(checkpoint(&home).contains("RPCs for Dummies"), "{end:?}");
        assert!(
            std::fs::read_to_string(page)
                .unwrap()
                .contains("the audit was interrupted"),
            "{end:?}"
        );
        stock(&home, 1);
    }
}

#[test]
fn closing_the_terminal_while_the_store_opens_ends_the_shop() {
    for (arguments, end) in [
        ("", End::Closed),
        ("", End::ClosedWithoutSignal),
        ("autopilot --own-store", End::ClosedWithoutSignal),
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
fn a_second_signal_does_not_interrupt_the_clean_stop() {
    for second in [Signal::HUP, Signal::TERM, Signal::INT] {
        let home = Home::new();
        let mut screen = open_local(&home);
        screen.signal(Signal::HUP);
        screen.assert_terminal_restored();
        screen.signal(second);
        assert_eq!(screen.exit_code(), HUNG_UP, "{second:?}");
        assert!(checkpoint(&home).contains("RPCs for Dummies"));
    }
}

#[test]
fn without_a_terminal_as_input_the_shop_does_not_open() {
    for input in ["<&-", "</dev/null"] {
        let home = Home::new();
        let mut shell = CommandBuilder::new("sh");
        shell.args(["-c", &format!("exec {} {input}", env!("CARGO_BIN_EXE_bookstore"))]);
        let mut screen = Screen::run(&home, DEFAULT_SIZE, shell);
        screen.wait_for_text("the interactive shop needs a terminal");
        assert_eq!(screen.exit_code(), 2, "{input}");
    }
}

#[test]
fn without_a_terminal_as_input_the_autopilot_prints_its_progress() {
    let (home, store) = (Home::new(), correct_shop());
    let mut shell = CommandBuilder::new("sh");
    let program = env!("CARGO_BIN_EXE_bookstore");
    let line = format!("exec {program} --url {} autopilot --requests 50 <&-", store.url());
    shell.args(["-c", &line]);
    let mut screen = Screen::run(&home, DEFAULT_SIZE, shell);
    screen.wait_for_text("50 requests in");
    assert_eq!(screen.exit_code(), 0);
    assert!(!screen.written().contains('\u{1b}'));
}

#[test]
fn a_command_that_is_hung_up_closes_its_store_cleanly() {
    for (ignored, exit) in [(false, HUNG_UP), (true, TERMINATED)] {
        let home = Home::new();
        let mut shell = CommandBuilder::new("sh");
        let ignore = if ignored { "trap '' HUP;" } else { "" };
        shell.args([
            "-c",
            &format!("{ignore} exec {} watch", env!("CARGO_BIN_EXE_bookstore")),
        ]);
        let mut screen = Screen::run(&home, DEFAULT_SIZE, shell);
        screen.wait_for_text("opened the store");
        screen.signal(Signal::HUP);
        // A program that ignores SIGHUP ends by another signal.
        if ignored {
            screen.signal(Signal::TERM);
        }
        assert_eq!(screen.exit_code(), exit);
        assert!(checkpoint(&home).contains("RPCs for Dummies"));
        assert_eq!(stock(&home, 1), 400, "the store is closed");
    }
}

//! The program and its terminal: sizes, signals, job control, mouse, themes and hostile text.
#![cfg(unix)]

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};

use crate::front_end::{bookstore, exit_and_output};
use crate::screen::{DEFAULT_SIZE, Home, Screen};
use crate::sessions::{open_at, open_local, stock};
use crate::test_shop::{Fault, Shop, correct_shop};

#[test]
fn in_a_terminal_of_39_by_9_the_shop_reports_the_size_and_can_be_quit() {
    let (home, shop) = (Home::new(), correct_shop());
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_bookstore"));
    command.args(["--url", shop.url()]);
    let mut screen = Screen::run(&home, (39, 9), command);
    screen.wait_for_text("too small");
    screen.press("q");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
}

/// Whether the screen is that of a shell. Bracketed paste is not checked, because a shell turns it on at its prompt.
fn is_shell_screen(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen()
        && !screen.hide_cursor()
        && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
}

#[test]
fn the_shop_can_be_suspended_and_resumed_in_a_shell() {
    suspend_and_resume(|screen| screen.press("\u{1a}"));
}

#[test]
fn a_signal_of_another_program_suspends_the_shop_as_the_key_does() {
    suspend_and_resume(|screen| {
        // The shell's only child is the shop.
        let shell = screen.id();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let shop = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        kill_process(shop, Signal::TSTP).unwrap();
    });
}

fn suspend_and_resume(suspend: impl FnOnce(&mut Screen)) {
    let (home, shop) = (Home::new(), correct_shop());
    let mut shell = CommandBuilder::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "ready> ");
    let mut screen = Screen::run(&home, DEFAULT_SIZE, shell);
    screen.wait_for_text("ready> ");
    // The terminal also echoes the input, so the expected output differs from the input.
    let modes_are_as_before = "[ \"$modes\" = \"$(stty -g)\" ] && echo as-before-$((count += 1))\n";
    screen.press("count=0 modes=$(stty -g)\n");
    let program = env!("CARGO_BIN_EXE_bookstore");
    screen.press(&format!("{program} --url {}\n", shop.url()));
    screen.wait_for_text("A Book");
    screen.press("\r");
    suspend(&mut screen);
    screen.wait_for_text("Stopped");
    screen.wait_for("the shell's screen", is_shell_screen);
    screen.press("jobs\n");
    screen.wait_for_text("[1]+  Stopped");
    screen.press(modes_are_as_before);
    screen.wait_for_text("as-before-1");
    screen.press("fg\n");
    screen.wait_for("the shop again", |screen| {
        screen.alternate_screen() && screen.contents().contains("A Book")
    });
    screen.wait_for_text("● live");
    screen.press("\u{3}");
    screen.wait_for("the shell's screen", is_shell_screen);
    // Input before the prompt is lost.
    screen.wait_for("the shell's prompt", |screen| {
        screen.contents().trim_end().ends_with("ready>")
    });
    screen.press("echo code=$?\n");
    screen.wait_for_text("code=0");
    screen.press(modes_are_as_before);
    screen.wait_for_text("as-before-2");
}

#[test]
fn a_signal_that_ends_the_shop_restores_the_terminal_and_closes_the_store() {
    for signal in [Signal::TERM, Signal::QUIT, Signal::INT] {
        let home = Home::new();
        let mut screen = open_local(&home);
        screen.signal(signal);
        screen.assert_terminal_restored();
        assert_eq!(screen.exit_code(), 0, "{signal:?}");
        assert_eq!(stock(&home, 1), 400, "the store is closed");
    }
}

#[test]
fn the_mouse_selects_scrolls_and_clicks() {
    let home = Home::new();
    let mut screen = open_local(&home);
    let (column, row) = screen.find("graduate school");
    screen.click(column, row);
    screen.wait_for_text("Surviving Graduate");
    let (column, row) = screen.find("Cooking for");
    screen.press(&format!("\u{1b}[<65;{};{}M", column + 1, row + 1));
    screen.wait_for("the wheel moved the selection", |screen| {
        screen
            .contents()
            .lines()
            .any(|line| line.contains("▌4") && line.contains("Cooking"))
    });
    let (column, row) = screen.find("2 Orders");
    screen.click(column, row);
    // The header may be drawn before the hints.
    screen.wait_for("the hints of the orders", |screen| {
        let shown = screen.contents();
        shown.contains("▌2 Orders") && shown.contains("? help") && !shown.contains("Enter open")
    });
    let (column, row) = screen.find("? help");
    screen.click(column, row);
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}q");
    let mut still = Screen::open(&home, "--no-mouse");
    still.wait_for_text("● live");
    still.wait_for("no mouse", |screen| {
        screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    });
    still.press("q");
}

#[test]
fn control_characters_of_a_title_do_not_reach_the_terminal() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}Evil\u{9b}31m Title";
    let (home, shop) = (Home::new(), Shop::new(hostile, 9, Fault::LosesAnswers).serve());
    let mut screen = open_at(&home, &shop);
    screen.wait_for_text("Evil");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.press("\ry2");
    screen.wait_for_text("▌2 Orders");
    screen.wait_for_text("Evil");
    let written = screen.written();
    for evil in ["\u{1b}]0;", "\u{1b}[2J\u{202e}", "\u{202e}", "\u{9b}", "\u{7}"] {
        // The clipboard sequence may end in a bell.
        let found = written.matches(evil).count();
        assert!(
            found == 0 || (evil == "\u{7}" && found == written.matches("]52;").count()),
            "{evil:?}"
        );
    }
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let (code, out, err) = exit_and_output(&bookstore("--url http://127.0.0.1:9"));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("bookstore topics") && !err.contains('\u{1b}'), "{err}");
}

#[test]
fn copy_sort_log_and_redraw_work() {
    let home = Home::new();
    let mut screen = open_local(&home);
    screen.press("y");
    screen.wait_for_written("the clipboard's sequence", |written| written.contains("\u{1b}]52;c;"));
    screen.wait_for_text("Copied: 1 How to get");
    screen.press("o");
    screen.wait_for_text("Sorted by title");
    screen.press("O");
    screen.wait_for_text("Sorted by title, reversed");
    screen.press("m");
    screen.wait_for_text("Messages");
    screen.press("\u{1b}");
    screen.wait_until_gone("Messages");
    let drawn = screen.written().matches("graduate").count();
    screen.press("\u{c}");
    screen.wait_for_written("a redraw of every cell", |written| {
        written.matches("graduate").count() > drawn
    });
    screen.press("R");
    screen.wait_for_text("Cannot reconnect now: the connection is live");
}

#[test]
fn the_configuration_file_sets_address_theme_and_keys_and_flags_override_it() {
    let (home, shop) = (Home::new(), correct_shop());
    home.configure(&format!(
        "url = \"{}\"\ntheme = \"mono\"\nascii = true\n[keys]\nbuy = \"B\"\n",
        shop.url()
    ));
    let mut screen = Screen::open(&home, "");
    screen.wait_for_text("* live");
    screen.wait_for_text("A Book");
    screen.press("\r");
    screen.wait_for_text("B buy");
    screen.open_dialog("bB");
    assert!(!screen.written().contains("\u{1b}[36m") && !screen.written().contains("\u{1b}[38;5;6m"));
    let (code, _, err) = exit_and_output(&home.bookstore("--url http://127.0.0.1:9 topics"));
    assert!(code == 3 && err.contains("127.0.0.1:9"), "{err}");

    home.configure("theme = \"mono\"\ncolour = true\n");
    let (code, out, err) = exit_and_output(&home.bookstore("topics"));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("config.toml") && err.contains("line 2") && err.contains("colour"),
        "{err}"
    );
}

#[test]
fn no_color_keeps_bold_and_ascii_uses_no_other_characters() {
    let (home, shop) = (Home::new(), correct_shop());
    let mut command = CommandBuilder::new("env");
    command.args([
        "NO_COLOR=1",
        env!("CARGO_BIN_EXE_bookstore"),
        "--ascii",
        "--url",
        shop.url(),
    ]);
    let mut screen = Screen::run(&home, DEFAULT_SIZE, command);
    screen.wait_for_text("* live");
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.wait_for("letters without a colour, some of them bold", |screen| {
        let (rows, columns) = screen.size();
        let cells: Vec<_> = (0..rows.get())
            .flat_map(|row| (0..columns.get()).filter_map(move |column| screen.cell(row, column)))
            .collect();
        let plain = |cell: &&vt100::Cell| {
            (cell.fgcolor(), cell.bgcolor()) == (vt100::Color::Default, vt100::Color::Default)
                && cell.contents().is_ascii()
        };
        cells.iter().all(plain) && cells.iter().any(|cell| cell.bold())
    });
}

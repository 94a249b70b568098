//! Whole visits: the real program on a real pseudo-terminal, at its own store or at a front-end that answers as told.
#![cfg(unix)]

use std::sync::atomic::{AtomicUsize, Ordering};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::front_end::{FrontEnd, Reply, bookstore, said};
use crate::screen::{Home, Screen};

const USUAL: (u16, u16) = (100, 30);

/// What becomes of a purchase.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    SoldOut,
    /// The first answer is lost.
    Lost,
}

/// One book, and a purchase with that fate.
fn shop(title: &'static str, fate: Fate) -> FrontEnd {
    let buys = AtomicUsize::new(0);
    let book = json!({"item": 1, "title": title, "topic": "all", "cost": "2.50", "stock": 9, "seq": 1});
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
                (Fate::Lost, _) => {
                    let receipt = json!({"order": order, "status": "sold", "item": 1, "title": title, "quantity": 1,
                        "cost": "2.50", "total": "2.50", "stock": 8, "seq": 2, "at": "2026-01-31T12:00:00.000000Z"});
                    Reply::Body(200, receipt.to_string())
                }
            }
        }
        _ => Reply::Body(
            404,
            json!({"type": "about:blank", "title": "x", "status": 404,
            "code": "not-found", "detail": "x"})
            .to_string(),
        ),
    })
}

fn at(home: &Home, shop: &FrontEnd) -> Screen {
    let screen = Screen::open(home, USUAL, &format!("--url {}", shop.url()));
    screen.wait_for_text("● live");
    screen
}

fn stock(home: &Home, item: u32) -> Value {
    let (code, out, err) = said(&home.bookstore(&format!("--json lookup {item}")));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str::<Value>(&out).unwrap()["stock"].clone()
}

/// At the user's own store, the services in the same process, the first book selected.
fn own(home: &Home) -> Screen {
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
    screen.wait_for_text("Cancel Esc");
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
        screen.wait_for_text("Cancel Esc");
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
    screen.wait_for_text("Cancel Esc");
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
    screen.wait_for_text("Cancel Esc");
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
    screen.wait_for_text("Cancel Esc");
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
fn a_server_that_goes_and_comes_back_is_followed_again() {
    let guest = Home::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let open = |listen: &str| {
        let free = "127.0.0.1:0".parse().unwrap();
        let settings = backend::all::Settings {
            catalog: backend::service::CatalogSettings {
                store: format!("csv:{}", folder.path().display()).parse().unwrap(),
                edit: backend::store::Edit::Refuse,
                books: backend::catalog::Listings::Default,
                token: None,
            },
            listen: listen.parse().unwrap(),
            catalog_listen: free,
            order_listen: free,
            grace: std::time::Duration::from_millis(100),
            share_token: false,
        };
        runtime.block_on(backend::all::All::open(settings)).unwrap()
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

#[test]
fn thirty_nine_by_nine_says_that_it_is_too_small_and_can_be_left() {
    let (home, shop) = (Home::new(), shop("A Book", Fate::SoldOut));
    let mut screen = Screen::open(&home, (39, 9), &format!("--url {}", shop.url()));
    screen.wait_for_text("too small");
    screen.press("q");
    screen.is_given_back();
    assert_eq!(screen.exit_code(), 0);
}

/// The shell itself turns bracketed paste on at its prompt.
fn of_shell(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen()
        && !screen.hide_cursor()
        && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
}

#[test]
fn suspended_in_a_shell_the_shop_stops_and_comes_back() {
    let (home, shop) = (Home::new(), shop("A Book", Fate::SoldOut));
    let mut shell = CommandBuilder::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "ready> ");
    let mut screen = Screen::run(&home, USUAL, shell);
    screen.wait_for_text("ready> ");
    let program = env!("CARGO_BIN_EXE_bookstore");
    screen.press(&format!("{program} --url {}\n", shop.url()));
    screen.wait_for_text("A Book");
    screen.press("\r\u{1a}");
    screen.wait_for_text("Stopped");
    screen.wait_for("the shell's screen", of_shell);
    screen.press("jobs\n");
    screen.wait_for_text("[1]+  Stopped");
    screen.press("fg\n");
    screen.wait_for("the shop again", |screen| {
        screen.alternate_screen() && screen.contents().contains("A Book")
    });
    screen.wait_for_text("● live");
    screen.press("\u{3}");
    screen.wait_for("the shell's screen", of_shell);
    // What is typed before the prompt is there goes to nobody.
    screen.wait_for("the shell's prompt", |screen| {
        screen.contents().trim_end().ends_with("ready>")
    });
    screen.press("echo code=$?\n");
    screen.wait_for_text("code=0");
}

#[test]
fn a_termination_gives_terminal_and_store_back() {
    let home = Home::new();
    let mut screen = own(&home);
    kill_process(Pid::from_raw(screen.pid()).unwrap(), Signal::TERM).unwrap();
    screen.is_given_back();
    assert_eq!(screen.exit_code(), 0);
    assert_eq!(stock(&home, 1), 400, "the store is free");
}

#[test]
fn the_mouse_selects_scrolls_and_presses() {
    let home = Home::new();
    let mut screen = own(&home);
    let (column, row) = screen.find("graduate school");
    screen.click(column, row);
    screen.wait_for_text("Surviving Graduate");
    let (column, row) = screen.find("Cooking for");
    screen.press(&format!("\u{1b}[<65;{};{}M", column + 1, row + 1));
    screen.wait_for("the wheel moved the selection", |screen| {
        screen
            .contents()
            .lines()
            .any(|line| line.contains("▌ 4") && line.contains("Cooking"))
    });
    let (column, row) = screen.find("2 Orders");
    screen.click(column, row);
    // The header may be there before the hints are.
    screen.wait_for("the hints of the orders", |screen| {
        let shown = screen.contents();
        shown.contains("▌2 Orders") && shown.contains("? help") && !shown.contains("Enter open")
    });
    let (column, row) = screen.find("? help");
    screen.click(column, row);
    screen.wait_for_text("What every key does");
    screen.press("\u{1b}q");
    let mut still = Screen::open(&home, USUAL, "--no-mouse");
    still.wait_for_text("● live");
    still.wait_for("no mouse", |screen| {
        screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    });
    still.press("q");
}

#[test]
fn a_hostile_title_reaches_the_terminal_as_harmless_text() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}Evil\u{9b}31m Title";
    let (home, shop) = (Home::new(), shop(hostile, Fate::Lost));
    let mut screen = at(&home, &shop);
    screen.wait_for_text("Evil");
    screen.press("\rb");
    screen.wait_for_text("Cancel Esc");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.press("\ry2");
    screen.wait_for_text("▌2 Orders");
    screen.wait_for_text("Evil");
    let written = screen.written();
    for evil in ["\u{1b}]0;", "\u{1b}[2J\u{202e}", "\u{202e}", "\u{9b}", "\u{7}"] {
        // The clipboard's own sequence ends in a bell or in a string terminator.
        let found = written.matches(evil).count();
        assert!(
            found == 0 || (evil == "\u{7}" && found == written.matches("]52;").count()),
            "{evil:?}"
        );
    }
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let (code, out, err) = said(&bookstore("--url http://127.0.0.1:9"));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("bookstore topics") && !err.contains('\u{1b}'), "{err}");
}

#[test]
fn copy_sort_log_and_redraw_do_what_they_say() {
    let home = Home::new();
    let mut screen = own(&home);
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
    screen.wait_for_written("every cell anew", |written| written.matches("graduate").count() > drawn);
    screen.press("R");
    screen.wait_for_text("Cannot reconnect now: it is connected");
}

#[test]
fn the_configuration_file_says_address_theme_and_keys_and_flags_come_first() {
    let (home, shop) = (Home::new(), shop("A Book", Fate::SoldOut));
    home.configure(&format!(
        "url = \"{}\"\ntheme = \"mono\"\nascii = true\n[keys]\nbuy = \"B\"\n",
        shop.url()
    ));
    let mut screen = Screen::open(&home, USUAL, "");
    screen.wait_for_text("* live");
    screen.wait_for_text("A Book");
    screen.press("\r");
    screen.wait_for_text("B buy");
    screen.press("bB");
    screen.wait_for_text("Cancel Esc");
    assert!(!screen.written().contains("\u{1b}[36m") && !screen.written().contains("\u{1b}[38;5;6m"));
    let (code, _, err) = said(&home.bookstore("--url http://127.0.0.1:9 topics"));
    assert!(code == 3 && err.contains("127.0.0.1:9"), "{err}");

    home.configure("theme = \"mono\"\ncolour = true\n");
    let (code, out, err) = said(&home.bookstore("topics"));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("config.toml") && err.contains("line 2") && err.contains("colour"),
        "{err}"
    );
}

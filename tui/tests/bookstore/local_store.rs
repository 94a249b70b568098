//! Programs that share the local store: when the program that has the store open ends, another one opens it and continues.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::front_end::{WAIT_TIMEOUT, exit_and_output};
use crate::screen::{Home, Screen};
use crate::sessions::{open_local, stock};

/// How the first program ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Quit,
    Killed,
}

fn end(first: &mut Screen, how: End) {
    match how {
        End::Quit => {
            first.press("\u{3}");
            assert_eq!(first.exit_code(), 0);
        }
        End::Killed => first.signal(Signal::KILL),
    }
}

#[test]
fn when_the_first_shop_ends_the_second_opens_the_store_and_continues() {
    for how in [End::Quit, End::Killed] {
        let home = Home::new();
        let mut first = open_local(&home);
        let mut second = open_local(&home);
        end(&mut first, how);
        second.wait_for_text("Connected again");
        second.wait_for_text("● live");
        second.open_dialog("b");
        second.press("y");
        second.wait_for_text("✓ sold");
        second.press("\r");
        assert_eq!(
            stock(&home, 1),
            399,
            "{how:?}: a command finds the store at the second shop"
        );
        // A third program takes over from the second.
        let third = open_local(&home);
        end(&mut second, how);
        third.wait_for_text("Connected again");
        assert_eq!(stock(&home, 1), 399, "{how:?}");
    }
}

#[test]
fn a_purchase_in_flight_is_settled_once_when_the_first_shop_is_killed() {
    let home = Home::new();
    let mut first = open_local(&home);
    let mut second = open_local(&home);
    first.signal(Signal::STOP);
    second.open_dialog("b");
    second.press("y");
    second.wait_for_text("on its way");
    end(&mut first, End::Killed);
    // The dialog is open, so that the same order is sent again.
    second.wait_for_text("✓ sold");
    second.press("\r");
    assert_eq!(stock(&home, 1), 399);
}

#[test]
fn a_command_with_a_purchase_in_flight_opens_the_store_when_the_shop_is_killed() {
    let home = Home::new();
    let mut first = open_local(&home);
    first.signal(Signal::STOP);
    let mut buy = home.command("--json buy 1");
    let buy = buy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !std::fs::read_to_string(home.journal()).is_ok_and(|journal| journal.contains("placed")) {
        assert!(start.elapsed() < WAIT_TIMEOUT, "the order is not on record");
        std::thread::yield_now();
    }
    end(&mut first, End::Killed);
    let (exit, out, err) = exit_and_output(&buy.wait_with_output().unwrap());
    assert!(exit == 0 && out.contains(r#""stock":399"#), "{out}{err}");
    assert_eq!(stock(&home, 1), 399);
}

#[test]
fn watch_continues_when_the_shop_ends() {
    for how in [End::Quit, End::Killed] {
        let home = Home::new();
        let mut first = open_local(&home);
        let mut watch = home.command("watch --json");
        let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().contains(r#""store""#));
        end(&mut first, how);
        // The command greets the store that it has opened itself.
        assert!(lines.next().unwrap().contains(r#""store""#));
        assert_eq!(exit_and_output(&home.bookstore("buy 1")).0, 0);
        let sale = lines.next().unwrap();
        assert!(sale.contains(r#""stock":399"#), "{how:?}: {sale}");
        kill_process(Pid::from_child(&watch), Signal::TERM).unwrap();
        assert_eq!(watch.wait().unwrap().code(), Some(143));
        assert_eq!(stock(&home, 1), 399, "{how:?}: it has closed the store");
    }
}

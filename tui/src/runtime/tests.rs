//! A panic of the shop on a pseudo-terminal.

use futures::FutureExt as _;

use super::{Options, run};
use crate::app::Screen;
use crate::journal::JournalLocation;
use crate::keymap::Keymap;
use crate::tests::second_process::SecondProcess;
use crate::theme::{Appearance, Theme};

/// The variable that makes the second process panic.
const PANICS: &str = "BOOKSTORE_TEST_PANICS";

/// Runs the shop in the second process; does nothing in the first.
#[test]
fn the_second_process_panics() {
    if std::env::var_os(PANICS).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let opening = async {
        // It is polled again after the first frame.
        tokio::task::yield_now().await;
        tokio::spawn(async { panic!("on purpose") });
        std::future::pending().await
    };
    let result = runtime.block_on(run(Options {
        opening: opening.boxed(),
        appearance: Appearance::new(Theme::Dark, false, false),
        mouse: true,
        keymap: Keymap::default(),
        journal: JournalLocation {
            folder: folder.path().to_owned(),
            changes: None,
        },
        is_remote: false,
        screen: Screen::Shop,
        exit_when: None,
    }));
    // Stands for the shell's prompt.
    println!("restored, {result:?}");
}

#[test]
fn the_terminal_is_restored_on_a_panic_and_its_message_is_readable() {
    let test = "runtime::tests::the_second_process_panics";
    let mut process = SecondProcess::run(test, (PANICS, "1"), (100, 30));
    process.wait_for("restored, Err(Panicked)");
    process.end();
    let screen = process.terminal.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    let contents = screen.contents();
    assert!(contents.contains("on purpose"), "{contents}");
    let written = String::from_utf8_lossy(&process.written);
    assert!(written.contains("Topics"), "the shop was on the screen before");
}

//! The shop on a real pseudo-terminal, driven by keys. The shop runs in a second process of this test program, so that no
//! other binary is needed.
#![cfg(unix)]

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use common::client::{ServiceEndpoint, ShopClient, http_client};
use futures::FutureExt as _;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tui::app::Screen;
use tui::keymap::Keymap;
use tui::runtime::{Opened, Options, run};
use tui::theme::Theme;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The variable that tells the second process what to do.
const TASK: &str = "BOOKSTORE_TEST_TASK";

/// Runs the shop in the second process; does nothing in the first.
#[test]
fn the_second_process_runs_the_shop() {
    let Ok(task) = std::env::var(TASK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        // Nothing listens on the discard port.
        let peer = ServiceEndpoint::parse(http_client().unwrap(), "http://127.0.0.1:9").unwrap();
        let opened = Opened {
            shop: ShopClient::new(peer, None),
            store_name: "nowhere".into(),
            store_closed: None,
            notices: Vec::new(),
            autopilot: None,
        };
        let opening = async move {
            if task == "panic" {
                // It is polled again after the first frame.
                tokio::task::yield_now().await;
                tokio::spawn(async { panic!("on purpose") });
            }
            Ok(opened)
        };
        let options = Options {
            opening: opening.boxed(),
            theme: Theme::Dark,
            ascii: false,
            reduced_motion: false,
            mouse: true,
            data_folder: folder.path().to_owned(),
            screen: Screen::Shop,
            keymap: Keymap::default(),
            exit_when: None,
        };
        run(options).await
    });
    // Stands for the shell's prompt.
    println!("restored: {}", ended.is_ok());
}

struct Terminal {
    pty: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    fn open(task: &str) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "pty::the_second_process_runs_the_shop",
            "--nocapture",
            "--test-threads=1",
        ]);
        command.env(TASK, task);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            pty: pair.master,
            writer,
            child,
            output,
            screen: vt100::Parser::new(cells(30), cells(100), 0),
            raw: Vec::new(),
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.writer.write_all(keys).unwrap();
        self.writer.flush().unwrap();
    }

    /// Reads until the screen meets a condition.
    fn wait(&mut self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + TIMEOUT;
        while !wanted(self.screen.screen()) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.raw.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never {what}:\n{}", self.screen.screen().contents());
                }
            }
        }
    }

    fn wait_for_text(&mut self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Asserts that the terminal is restored.
    fn assert_restored(&mut self) {
        self.wait_for_text("restored");
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(self.child.wait().unwrap().success());
    }
}

fn signal(terminal: &Terminal, signal: rustix::process::Signal) {
    let pid = i32::try_from(terminal.child.process_id().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn the_terminal_is_restored_at_the_exit() {
    let mut terminal = Terminal::open("shop");
    terminal.wait_for_text("Topics");
    terminal.wait_for_text("reconnecting");
    let screen = terminal.screen.screen();
    assert!(screen.alternate_screen() && screen.bracketed_paste());
    assert_ne!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    terminal.press(b"?");
    terminal.wait_for_text("What every key does");
    terminal.press(b"\x1b");
    terminal.wait("help is gone", |screen| {
        !screen.contents().contains("What every key does")
    });
    terminal
        .pty
        .resize(PtySize {
            rows: 12,
            cols: 50,
            pixel_width: 0,
            pixel_height: 0,
        })
        .unwrap();
    terminal.screen.screen_mut().set_size(cells(12), cells(50));
    terminal.press(b"4");
    terminal.wait_for_text("4 Services");
    terminal.press(b"\x03");
    terminal.assert_restored();
}

#[test]
fn a_key_pressed_during_a_resize_is_not_lost() {
    let mut terminal = Terminal::open("shop");
    terminal.wait_for_text("reconnecting");
    for round in 0..40 {
        let (columns, key, title) = match round % 2 {
            0 => (50, b"4", "4 Services"),
            _ => (60, b"2", "2 Orders"),
        };
        let size = PtySize {
            rows: 12,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        terminal.pty.resize(size).unwrap();
        terminal.press(key);
        terminal.screen.screen_mut().set_size(cells(12), cells(columns));
        terminal.wait_for_text(title);
    }
    terminal.press(b"\x03");
    terminal.assert_restored();
}

#[test]
fn the_terminal_is_restored_on_sigterm() {
    let mut terminal = Terminal::open("shop");
    terminal.wait_for_text("Topics");
    signal(&terminal, rustix::process::Signal::TERM);
    terminal.assert_restored();
}

#[test]
fn the_terminal_is_restored_on_a_panic_and_its_message_is_readable() {
    let mut terminal = Terminal::open("panic");
    terminal.wait_for_text("on purpose");
    terminal.assert_restored();
    assert!(terminal.screen.screen().contents().contains("restored: false"));
}

#[test]
fn the_terminal_is_restored_while_the_shop_is_suspended() {
    let mut terminal = Terminal::open("shop");
    terminal.wait_for_text("Topics");
    terminal.press(b"\x1a");
    terminal.wait("gave the terminal back", |screen| {
        !screen.alternate_screen() && !screen.bracketed_paste()
    });
    signal(&terminal, rustix::process::Signal::CONT);
    terminal.wait("took it again", |screen| {
        screen.alternate_screen() && screen.contents().contains("Topics")
    });
    terminal.press(b"q");
    terminal.assert_restored();
}

fn cells(count: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(count).unwrap()
}

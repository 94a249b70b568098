//! The event loop on a test terminal, and a panic of the shop on a pseudo-terminal.

use std::future::ready;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use futures::FutureExt as _;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use tokio::sync::{mpsc, watch};

use super::{Error, ExitReason, Opened, Opening, Options, run, run_session};
use crate::app::{Command, RunStatus, Screen};
use crate::connect::ShopConnection;
use crate::input::InputEvent;
use crate::keymap::{Chord, Keymap};
use crate::terminal::{Signals, TerminalBackend};
use crate::tests::fixture::text;
use crate::theme::{Appearance, Theme};
use crate::ui::ScreenView;

/// The longest wait; a passing test never needs it.
const TIMEOUT: Duration = Duration::from_secs(30);

fn options(opening: Opening, data_folder: &Path) -> Options {
    Options {
        opening,
        appearance: Appearance::new(Theme::Dark, false, false),
        mouse: true,
        keymap: Keymap::default(),
        data_folder: data_folder.to_owned(),
        screen: Screen::Shop,
        exit_when: None,
    }
}

/// A terminal that passes its frames to the test.
struct TestTerminal {
    terminal: Terminal<TestBackend>,
    frames: watch::Sender<String>,
}

impl TerminalBackend for TestTerminal {
    fn size(&mut self) -> io::Result<(u16, u16)> {
        Ok((100, 30))
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(paint).unwrap();
        self.frames.send_replace(text(self.terminal.backend().buffer()));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn copy(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    async fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reacquire(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A view of the autopilot without a run.
struct NoRun;

impl ScreenView for NoRun {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, _: &Appearance) {
        frame.render_widget("no run", area);
    }

    fn run(&mut self, _: Command) {}

    fn status(&self) -> RunStatus {
        RunStatus::default()
    }

    fn has_changed(&mut self) -> bool {
        false
    }
}

/// A session with a shop that cannot be reached.
struct TestSession {
    keys: mpsc::Sender<io::Result<InputEvent>>,
    frames: watch::Receiver<String>,
    task: tokio::task::JoinHandle<Result<ExitReason, Error>>,
}

impl TestSession {
    fn start(data_folder: &Path) -> Self {
        // Nothing listens on the discard port.
        let opened = Opened {
            connection: ShopConnection::new("http://127.0.0.1:9", None, None).unwrap(),
            autopilot: Box::new(NoRun),
        };
        let (keys, input) = mpsc::channel(100);
        let (frames, seen) = watch::channel(String::new());
        let terminal = TestTerminal {
            terminal: Terminal::new(TestBackend::new(100, 30)).unwrap(),
            frames,
        };
        let options = options(ready(Ok(opened)).boxed(), data_folder);
        Self {
            keys,
            frames: seen,
            task: tokio::spawn(run_session(terminal, input, options, Signals::listen().unwrap())),
        }
    }

    fn press(&self, key: &str) {
        let chord: Chord = key.parse().unwrap();
        self.keys.try_send(Ok(InputEvent::Key(chord.into()))).unwrap();
    }

    async fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let seen = self.frames.wait_for(|frame| wanted(frame));
        if tokio::time::timeout(TIMEOUT, seen).await.is_err() {
            panic!("no {what:?} in\n{}", *self.frames.borrow());
        }
    }

    async fn exit_reason(self) -> ExitReason {
        drop(self.keys);
        tokio::time::timeout(TIMEOUT, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn overlays_are_drawn_over_an_autopilot_screen_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = TestSession::start(folder.path());
    session.press("3");
    session.wait_for("no run", |frame| frame.contains("no run")).await;
    let help = "What every key does";
    session.press("?");
    session.wait_for("the help", |frame| frame.contains(help)).await;
    session.press("Esc");
    session.wait_for("no help", |frame| !frame.contains(help)).await;
    session.press("^C");
    assert_eq!(session.exit_reason().await, ExitReason::Interrupted);
}

#[tokio::test]
async fn the_shop_closes_when_its_input_ends() {
    let folder = tempfile::tempdir().unwrap();
    let session = TestSession::start(folder.path());
    assert_eq!(session.exit_reason().await, ExitReason::HungUp);
}

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
    let result = runtime.block_on(run(options(opening.boxed(), folder.path())));
    // Stands for the shell's prompt.
    println!("restored, {result:?}");
}

#[test]
fn the_terminal_is_restored_on_a_panic_and_its_message_is_readable() {
    let size = PtySize {
        rows: 30,
        cols: 100,
        ..PtySize::default()
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    let test = "runtime::tests::the_second_process_panics";
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(PANICS, "1");
    command.env("RUST_BACKTRACE", "0");
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let (sender, output) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Some systems report the end of a pseudo-terminal as an error.
        let _ = reader.read_to_end(&mut bytes);
        sender.send(bytes)
    });
    let bytes = output.recv_timeout(TIMEOUT).unwrap();
    assert!(child.wait().unwrap().success());
    let mut parser = vt100::Parser::new(size.rows.try_into().unwrap(), size.cols.try_into().unwrap(), 0);
    parser.process(&bytes);
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    let contents = screen.contents();
    assert!(
        contents.contains("on purpose") && contents.contains("restored, Err(Panicked)"),
        "{contents}"
    );
    let written = String::from_utf8_lossy(&bytes);
    assert!(written.contains("Topics"), "the shop was on the screen before");
}

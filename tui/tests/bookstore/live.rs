//! The autopilot's screen in a real pseudo-terminal.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::autopilot::healthy_shop;

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

struct Screen {
    parser: Arc<(Mutex<vt100::Parser>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    fn open(url: &str, arguments: &str) -> Self {
        let size = PtySize {
            rows: 30,
            cols: 100,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_bookstore"));
        command.args(arguments.split_whitespace());
        command.env("BOOKSTORE_URL", url);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new((
            Mutex::new(vt100::Parser::new(
                size.rows.try_into().unwrap(),
                size.cols.try_into().unwrap(),
                100,
            )),
            Condvar::new(),
        ));
        let (shown, mut output) = (Arc::clone(&parser), pair.master.try_clone_reader().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                shown.0.lock().unwrap().process(&bytes[..length]);
                shown.1.notify_all();
            }
        });
        Self {
            parser,
            keys: pair.master.take_writer().unwrap(),
            child,
            _master: pair.master,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn wait_for(&self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        let parser = self.parser.0.lock().unwrap();
        let (parser, waited) = self
            .parser
            .1
            .wait_timeout_while(parser, PATIENCE, |parser| !seen(parser.screen()))
            .unwrap();
        assert!(
            !waited.timed_out(),
            "never saw {what} on:\n{}",
            parser.screen().contents()
        );
    }

    fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }
}

#[test]
fn keys_steer_the_run_and_the_terminal_is_given_back_with_the_summary() {
    for (leave, exit) in [("q", 0), ("\u{3}", 130)] {
        let store = healthy_shop();
        let mut screen = Screen::open(store.url(), "autopilot --seed 5 --token secret");
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
        screen.press(leave);
        screen.wait_for_text("audit: clean");
        assert_eq!(screen.child.wait().unwrap().exit_code(), exit);
        screen.wait_for("the usual screen", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
    }
}

#[test]
fn a_run_that_ends_by_itself_leaves_the_screen() {
    let store = healthy_shop();
    let mut screen = Screen::open(store.url(), "autopilot --seed 5 --requests 50 --ascii --color never");
    screen.wait_for_text("50 requests in");
    assert_eq!(screen.child.wait().unwrap().exit_code(), 0);
}

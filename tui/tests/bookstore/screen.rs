//! A program in a pseudo-terminal: sends keys and reads the screen.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::front_end::{WAIT_TIMEOUT, command};

/// Columns and rows.
pub(crate) const DEFAULT_SIZE: (u16, u16) = (100, 30);

/// The folders of a user, initially empty.
pub(crate) struct Home(TempDir);

/// The texts of the baskets in a data folder.
pub(crate) fn baskets_in(data_folder: &Path) -> String {
    let files = std::fs::read_dir(data_folder.join("baskets"));
    let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn configure(&self, text: &str) {
        let folder = self.0.path().join("config/bookstore");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.path().join("data/bookstore/store")
    }

    /// The list of orders.
    pub(crate) fn journal(&self) -> PathBuf {
        self.store().with_file_name("orders.jsonl")
    }

    /// The texts of the baskets of the user.
    pub(crate) fn baskets(&self) -> String {
        baskets_in(&self.store().with_file_name(""))
    }

    /// Puts a file in place of the store's folder.
    pub(crate) fn break_store(&self) {
        std::fs::create_dir_all(self.store().parent().unwrap()).unwrap();
        std::fs::write(self.store(), "no store").unwrap();
    }

    /// Locks the store until the file is dropped, as a program does that opens it.
    pub(crate) fn lock_store(&self) -> File {
        std::fs::create_dir_all(self.store()).unwrap();
        let lock = File::create(self.store().join("lock")).unwrap();
        lock.lock().unwrap();
        lock
    }

    fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("HOME", self.0.path().to_owned()),
            ("XDG_DATA_HOME", self.0.path().join("data")),
            ("XDG_CONFIG_HOME", self.0.path().join("config")),
        ]
    }

    /// Runs a command as this user to its end.
    pub(crate) fn bookstore(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A command as this user.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = command(arguments);
        command.envs(self.variables());
        command
    }
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

/// The pseudo-terminal and its program.
pub(crate) struct Screen {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    child: Box<dyn Child + Send + Sync>,
    /// The master side; `None` after the terminal was closed.
    master: Option<Master>,
    /// The terminal modes before the program started.
    modes: String,
}

/// The master side of the pseudo-terminal.
struct Master {
    keys: Box<dyn Write + Send>,
    pty: Box<dyn MasterPty + Send>,
    reader: JoinHandle<()>,
    /// Makes the reader end at the next output.
    closing: Arc<AtomicBool>,
}

fn size((columns, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        ..PtySize::default()
    }
}

/// The modes that `stty` shows.
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

impl Screen {
    /// Runs `bookstore` as this user.
    pub(crate) fn open(home: &Home, arguments: &str) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_bookstore"));
        command.args(arguments.split_whitespace());
        Self::run(home, DEFAULT_SIZE, command)
    }

    /// Runs any program as this user.
    pub(crate) fn run(home: &Home, columns_rows: (u16, u16), mut command: CommandBuilder) -> Self {
        for (name, value) in home.variables() {
            command.env(name, value);
        }
        for name in ["BOOKSTORE_URL", "BOOKSTORE_ADMIN_TOKEN", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        let pair = native_pty_system().openpty(size(columns_rows)).unwrap();
        let modes = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (columns, rows) = columns_rows;
        let parser = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 100);
        let seen = Seen {
            parser,
            raw: Vec::new(),
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let (shown, mut output) = (Arc::clone(&seen), pair.master.try_clone_reader().unwrap());
        let closing = Arc::new(AtomicBool::new(false));
        let enough = Arc::clone(&closing);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut bytes)
                && !enough.load(Ordering::SeqCst)
            {
                let mut seen = shown.0.lock().unwrap();
                seen.parser.process(&bytes[..length]);
                seen.raw.extend(&bytes[..length]);
                shown.1.notify_all();
            }
        });
        let master = Master {
            keys: pair.master.take_writer().unwrap(),
            pty: pair.master,
            reader,
            closing,
        };
        Self {
            seen,
            child,
            master: Some(master),
            modes,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        let master = self.master.as_mut().unwrap();
        master.keys.write_all(keys.as_bytes()).unwrap();
        master.keys.flush().unwrap();
    }

    /// Closes the terminal, as closing its window does.
    pub(crate) fn close(&mut self) {
        let master = self.master.as_mut().unwrap();
        master.closing.store(true, Ordering::SeqCst);
        // A redraw gives the reader output, on which it closes its end.
        self.press("\u{c}");
        let master = self.master.take().unwrap();
        master.reader.join().unwrap();
    }

    /// A click of the left button; column and row count from 0.
    pub(crate) fn click(&mut self, column: usize, row: usize) {
        let (column, row) = (column + 1, row + 1);
        self.press(&format!("\u{1b}[<0;{column};{row}M\u{1b}[<0;{column};{row}m"));
    }

    /// The column and row of a text.
    pub(crate) fn find(&self, text: &str) -> (usize, usize) {
        let seen = self.seen.0.lock().unwrap();
        let contents = seen.parser.screen().contents();
        let found = contents.lines().enumerate().find_map(|(row, line)| {
            let before = line.split_once(text)?.0;
            Some((before.chars().count(), row))
        });
        found.unwrap_or_else(|| panic!("no {text:?} on:\n{contents}"))
    }

    pub(crate) fn resize(&self, columns_rows: (u16, u16)) {
        let (columns, rows) = columns_rows;
        let mut seen = self.seen.0.lock().unwrap();
        let screen = seen.parser.screen_mut();
        screen.set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        let master = self.master.as_ref().unwrap();
        master.pty.resize(size(columns_rows)).unwrap();
    }

    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        self.wait_until(what, |seen| wanted(seen.parser.screen()));
    }

    fn wait_until(&self, what: &str, wanted: impl Fn(&Seen) -> bool) {
        let (seen, changed) = &*self.seen;
        let waited = changed.wait_timeout_while(seen.lock().unwrap(), WAIT_TIMEOUT, |seen| !wanted(seen));
        let (seen, waited) = waited.unwrap();
        let screen = seen.parser.screen().contents();
        assert!(!waited.timed_out(), "never saw {what} on:\n{screen}");
    }

    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Presses keys that open the buying dialog; waits for it, and until the earlier orders are loaded.
    pub(crate) fn open_dialog(&mut self, keys: &str) {
        self.press(keys);
        self.wait_for("the buying dialog", |screen| {
            let contents = screen.contents();
            contents.contains("Cancel Esc") && !contents.contains("still being read")
        });
    }

    pub(crate) fn wait_until_gone(&self, text: &str) {
        self.wait_for(&format!("no {text}"), |screen| !screen.contents().contains(text));
    }

    /// Waits for output, escape sequences included.
    pub(crate) fn wait_for_written(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.wait_until(what, |seen| wanted(&String::from_utf8_lossy(&seen.raw)));
    }

    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen.0.lock().unwrap().raw).into_owned()
    }

    /// Waits until the program ends; if the terminal is still open, its modes must be restored.
    pub(crate) fn exit_code(&mut self) -> u32 {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.exit_code();
            }
            assert!(
                start.elapsed() < WAIT_TIMEOUT,
                "the program did not end within {WAIT_TIMEOUT:?}"
            );
            thread::park_timeout(Duration::from_millis(5));
        };
        if let Some(master) = &self.master {
            assert_eq!(modes(&*master.pty), self.modes);
        }
        code
    }

    /// The process id of the program.
    pub(crate) fn id(&self) -> i32 {
        self.child.process_id().unwrap().try_into().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.id()).unwrap(), signal).unwrap();
    }

    /// The screen, cursor, paste mode and mouse are as before.
    pub(crate) fn assert_terminal_restored(&self) {
        self.wait_for("the usual screen", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The call fails if the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

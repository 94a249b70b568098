//! A test of this program that runs in a second process on a pseudo-terminal.

use std::io::{Read as _, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// Timeout of a failing test.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct SecondProcess {
    child: Box<dyn Child + Send + Sync>,
    pub(crate) keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    pub(crate) terminal: vt100::Parser,
    /// The output so far.
    pub(crate) written: Vec<u8>,
}

impl SecondProcess {
    /// Runs this test in a second process, which a variable identifies.
    pub(crate) fn run(test: &str, (variable, value): (&str, &str), (columns, rows): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        for (name, value) in [(variable, value), ("TERM", "xterm-256color"), ("RUST_BACKTRACE", "0")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            // Some systems report the end of a pseudo-terminal as an error.
            while let Ok(length @ 1..) = reader.read(&mut bytes)
                && sender.send(bytes[..length].to_vec()).is_ok()
            {}
        });
        Self {
            child,
            keys: pair.master.take_writer().unwrap(),
            output,
            terminal: vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0),
            written: Vec::new(),
        }
    }

    /// Waits until it has written this.
    pub(crate) fn wait_for(&mut self, mark: &str) {
        while !String::from_utf8_lossy(&self.written).contains(mark) {
            let bytes = self.output.recv_timeout(TIMEOUT).unwrap();
            self.terminal.process(&bytes);
            self.written.extend(bytes);
        }
    }

    /// Waits until it ends, without an error.
    pub(crate) fn end(&mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

//! A server program that prints its addresses to standard output.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::WAIT_TIMEOUT;
use crate::wait::POLL_INTERVAL;

/// A running program, killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The names and URLs of the services, in the order of their `listening` lines.
    services: Vec<(String, String)>,
}

impl Process {
    /// Starts a program and waits until it has written `services` lines `listening NAME URL` to standard output.
    ///
    /// # Errors
    /// If the program cannot be started, ends before that, or writes other lines.
    pub fn start(command: &mut Command, services: usize) -> io::Result<Self> {
        let mut process = Self {
            child: command.stdout(Stdio::piped()).spawn()?,
            services: Vec::new(),
        };
        let output = process.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        for line in BufReader::new(output).lines().take(services) {
            let line = line?;
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("listening"), Some(name), Some(url)) => process.services.push((name.to_owned(), url.to_owned())),
                _ => return Err(io::Error::other(format!("not a `listening` line: {line}"))),
            }
        }
        match process.services.len() == services {
            true => Ok(process),
            false => Err(io::Error::other(format!("{command:?} ended before it was listening"))),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The URL of the service of that name.
    ///
    /// # Panics
    /// If the process runs no such service.
    pub fn url(&self, name: &str) -> &str {
        let mut services = self.services.iter();
        let found = services.find(|(service, _)| service == name);
        &found.unwrap_or_else(|| panic!("the process runs no {name}")).1
    }

    /// Host and port of the service of that name.
    ///
    /// # Panics
    /// If the process runs no such service.
    pub fn address(&self, name: &str) -> &str {
        let url = self.url(name);
        url.split_once("://").map_or(url, |(_, address)| address)
    }

    /// Waits until a service is ready. With a database a service listens before it is ready.
    ///
    /// # Panics
    /// After [`WAIT_TIMEOUT`].
    pub fn wait_until_ready(&self, name: &str) {
        let start = Instant::now();
        while !self.is_ready(name).unwrap_or_default() {
            assert!(
                start.elapsed() < WAIT_TIMEOUT,
                "the {name} is not ready within {WAIT_TIMEOUT:?}"
            );
            std::thread::park_timeout(POLL_INTERVAL);
        }
    }

    fn is_ready(&self, name: &str) -> io::Result<bool> {
        let mut connection = TcpStream::connect(self.address(name))?;
        connection.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        connection.read_to_string(&mut response)?;
        Ok(response.starts_with("HTTP/1.1 200"))
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGINT, which means a clean stop.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends SIGTERM and waits until the process ends.
    ///
    /// # Panics
    /// If the process ended before.
    pub fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Sends SIGKILL. Dropping the value waits until the process ends.
    pub fn send_kill(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
    }

    /// The exit status; `None` while the process runs.
    ///
    /// # Panics
    /// If the system cannot tell.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Whether the process still runs.
    ///
    /// # Panics
    /// If the system cannot tell.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.send_kill();
        let _ = self.child.wait();
    }
}

//! Running `bookstored`.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use testing::{Process, WAIT_TIMEOUT};

pub(crate) const TOKEN: &str = "a-token-for-tests";
/// An address with a free port.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// Starts one service or all services, and waits until they listen.
pub(crate) fn start(arguments: &[&str]) -> Process {
    try_start(arguments).unwrap_or_else(|error| panic!("bookstored {arguments:?}: {error}"))
}

/// Like [`start`], but returns an error if the process ends before its services listen.
pub(crate) fn try_start(arguments: &[&str]) -> io::Result<Process> {
    start_command(command(arguments), arguments)
}

/// Like [`start`], with a limit that the shell command `limit` sets, such as `ulimit -n 256`.
pub(crate) fn start_with_limit(limit: &str, arguments: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    let script = format!(r#"{limit} && exec "$0" "$@""#);
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_bookstored")]);
    let started = start_command(prepare(shell, arguments), arguments);
    started.unwrap_or_else(|error| panic!("bookstored {arguments:?}: {error}"))
}

/// Like [`start`], with the log of level `info` in a file.
pub(crate) fn start_logged(arguments: &[&str], log: &Path) -> Process {
    let mut command = command(arguments);
    command.env("BOOKSTORE_LOG", "info").stderr(File::create(log).unwrap());
    Process::start(&mut command, 1).unwrap_or_else(|error| panic!("bookstored {arguments:?}: {error}"))
}

fn start_command(mut command: Command, arguments: &[&str]) -> io::Result<Process> {
    let services = if arguments.first() == Some(&"all") { 3 } else { 1 };
    Process::start(command.stderr(Stdio::null()), services)
}

/// Starts all services over a store in one process, and waits until the store is open.
pub(crate) fn start_all(store: &str) -> Process {
    let process = start(&all_arguments(store));
    process.wait_until_ready("catalog");
    process
}

/// The arguments of all services in one process, on free ports.
pub(crate) fn all_arguments(store: &str) -> [&str; 9] {
    [
        "all",
        "--store",
        store,
        "--listen",
        ANY_PORT,
        "--catalog-listen",
        ANY_PORT,
        "--order-listen",
        ANY_PORT,
    ]
}

/// Three processes, one for each service.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) catalog: Process,
    pub(crate) order: Process,
    pub(crate) frontend: Process,
}

/// Starts each service over a store in a process of its own. `catalog_address` is where the catalog listens.
pub(crate) fn start_each(store: &str, catalog_address: &str) -> Services {
    let catalog = start(&["catalog", "--store", store, "--listen", catalog_address]);
    let catalog_url = catalog.url("catalog");
    let order = start(&["order", "--listen", ANY_PORT, "--catalog-url", catalog_url]);
    let urls = ["--catalog-url", catalog_url, "--order-url", order.url("order")];
    let frontend = start(&[&["frontend", "--listen", ANY_PORT], &urls[..]].concat());
    Services {
        catalog,
        order,
        frontend,
    }
}

/// Runs `bookstored` to its end: exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(WAIT_TIMEOUT) else {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("bookstored {arguments:?} does not end within {WAIT_TIMEOUT:?}");
    };
    let output = output.unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Asserts that `bookstored` refuses these arguments as wrong usage.
#[track_caller]
pub(crate) fn assert_wrong_usage(arguments: &[&str]) {
    assert!(try_start(arguments).is_err(), "{arguments:?} was accepted");
    let (code, _, message) = run(arguments);
    assert_eq!(code, 2, "{arguments:?}: {message}");
}

/// Panics unless the text contains every expected part.
#[track_caller]
pub(crate) fn assert_contains(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    prepare(Command::new(env!("CARGO_BIN_EXE_bookstored")), arguments)
}

pub(crate) fn prepare(mut command: Command, arguments: &[&str]) -> Command {
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BOOKSTORE_") {
            command.env_remove(variable);
        }
    }
    command
        .args(arguments)
        .env_remove("NO_COLOR")
        .env("BOOKSTORE_ADMIN_TOKEN", TOKEN)
        .env("BOOKSTORE_LOG", "warn")
        .stdin(Stdio::null());
    command
}

//! The signals that the terminal and the system send to the program.

use std::future::pending;
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::oneshot;

/// A signal to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The program must exit.
    Exit,
    /// The terminal hung up.
    HungUp,
    /// The program was stopped and continues.
    Continued,
}

/// The signals that the program handles.
#[derive(Debug)]
pub(crate) struct Signals {
    exit: [Stream; 2],
    hangup: Stream,
    continued: Stream,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        // The number of SIGCONT differs between systems.
        let continued = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        Ok(Self {
            exit: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
            hangup: signal(SignalKind::hangup())?,
            continued: signal(continued)?,
        })
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let [terminate, interrupt] = &mut self.exit;
        tokio::select! {
            _ = terminate.recv() => Signal::Exit,
            _ = interrupt.recv() => Signal::Exit,
            _ = self.hangup.recv() => Signal::HungUp,
            _ = self.continued.recv() => Signal::Continued,
        }
    }
}

/// Waits until the terminal hangs up; without a controlling terminal no signal reports it.
pub(crate) async fn gone() {
    // Dropping this future closes the kept end, which ends the thread.
    let Ok((_kept, others)) = UnixStream::pair() else {
        return pending().await;
    };
    let (thread, ended) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let input = io::stdin();
        // No flag is requested, because a hang-up is always reported.
        let mut ends = [
            PollFd::new(&input, PollFlags::empty()),
            PollFd::new(&others, PollFlags::empty()),
        ];
        while poll(&mut ends, None) == Err(Errno::INTR) {}
        drop(thread);
    });
    let _ = ended.await;
}

/// Whether the error is that of reading or writing a terminal that hung up.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// Stops the whole job, as the terminal does for Ctrl-Z, so that a parent such as `cargo run` stops too.
pub(crate) async fn stop() {
    if rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).is_ok() {
        // The signal may stop this thread a little later; until then it must not acquire the terminal again.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

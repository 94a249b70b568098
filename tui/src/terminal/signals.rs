//! The signals that the terminal and the system send to the program.

use std::future::{pending, poll_fn};
use std::io;
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::oneshot;

/// A signal to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: the user interrupts the program.
    Interrupted,
    /// SIGTERM: the program must exit.
    Terminated,
    /// The terminal hung up: SIGHUP.
    HungUp,
    /// The program was stopped and continues: SIGCONT.
    Continued,
}

/// The signals that the program listens for. While it does, none of them ends the process by itself.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Signal, Stream)>);

impl Signals {
    /// Listens for SIGINT and SIGTERM, and for SIGHUP unless the program was started to ignore it, as by `nohup`.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut streams = vec![
            (Signal::Interrupted, signal(SignalKind::interrupt())?),
            (Signal::Terminated, signal(SignalKind::terminate())?),
        ];
        if !is_hangup_ignored() {
            streams.push((Signal::HungUp, signal(SignalKind::hangup())?));
        }
        Ok(Self(streams))
    }

    /// Listens for SIGCONT, too.
    pub(crate) fn with_continued(mut self) -> io::Result<Self> {
        // Its number differs between systems.
        let continued = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        self.0.push((Signal::Continued, signal(continued)?));
        Ok(self)
    }

    /// Waits for the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            let received = signals.find_map(|(signal, stream)| stream.poll_recv(context).is_ready().then_some(*signal));
            received.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Whether SIGHUP has no effect on this process, as far as the system tells.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    ignored.is_some_and(|mask| mask & 1 != 0)
}

/// Waits until the terminal hangs up; without a controlling terminal no signal reports it.
pub(crate) async fn wait_for_hangup() {
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

/// Whether the error is EIO, which reads and writes of a terminal that hung up return.
pub(crate) fn is_eio(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// Stops the whole job, as the terminal does for Ctrl-Z, so that a parent such as `cargo run` stops too.
pub(crate) async fn stop() {
    if rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).is_ok() {
        // The signal may stop this thread a little later; until then it must not acquire the terminal again.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

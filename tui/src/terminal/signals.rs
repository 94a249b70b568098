//! The signals that the terminal and the system send to the program.

use std::future::{pending, poll_fn};
use std::io;
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// Time for a signal to reach the threads of this process.
const STOP_DELAY: Duration = Duration::from_millis(100);

/// A signal to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: the user interrupts the program.
    Interrupted,
    /// SIGTERM: the program must exit.
    Terminated,
    /// SIGQUIT: the program must exit.
    Quit,
    /// The terminal hung up: SIGHUP.
    HungUp,
    /// SIGTSTP: the program must stop until it is continued.
    Suspended,
    /// The program was stopped and continues: SIGCONT.
    Continued,
}

/// The signals that the program listens for. While it does, none of them ends the process by itself.
#[derive(Debug)]
pub(crate) struct Signals {
    streams: Vec<(Signal, Stream)>,
    /// Signals of an SSH connection; the end of the channel is a hang-up.
    remote: Option<mpsc::Receiver<Signal>>,
}

impl Signals {
    /// Listens for SIGINT, SIGTERM and SIGQUIT, and for SIGHUP unless the program was started to ignore it, as by `nohup`.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut streams = vec![
            (Signal::Interrupted, signal(SignalKind::interrupt())?),
            (Signal::Terminated, signal(SignalKind::terminate())?),
            (Signal::Quit, signal(SignalKind::quit())?),
        ];
        if !is_hangup_ignored() {
            streams.push((Signal::HungUp, signal(SignalKind::hangup())?));
        }
        let remote = None;
        Ok(Self { streams, remote })
    }

    /// Listens only for the signals of an SSH connection, not for those of this process.
    #[cfg(feature = "sshd")]
    pub(crate) fn of_connection(signals: mpsc::Receiver<Signal>) -> Self {
        Self {
            streams: Vec::new(),
            remote: Some(signals),
        }
    }

    /// Also listens for SIGTSTP and SIGCONT: a screen must restore the terminal before the program stops.
    pub(crate) fn with_job_control(mut self) -> io::Result<Self> {
        use rustix::process::Signal as Raw;
        for (name, raw) in [(Signal::Suspended, Raw::TSTP), (Signal::Continued, Raw::CONT)] {
            // The numbers of these signals differ between systems.
            self.streams.push((name, signal(SignalKind::from_raw(raw.as_raw()))?));
        }
        Ok(self)
    }

    /// Discards the queued signals of one kind.
    pub(crate) fn discard(&mut self, discarded: Signal) {
        for (signal, stream) in &mut self.streams {
            while *signal == discarded && stream.recv().now_or_never().is_some() {}
        }
    }

    /// Waits for the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            if let Some(Poll::Ready(signal)) = self.remote.as_mut().map(|remote| remote.poll_recv(context)) {
                return Poll::Ready(signal.unwrap_or(Signal::HungUp));
            }
            let mut signals = self.streams.iter_mut();
            let received = signals.find_map(|(signal, stream)| stream.poll_recv(context).is_ready().then_some(*signal));
            received.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Whether SIGHUP is ignored; false if the system does not report it.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    ignored.is_some_and(|mask| mask & 1 != 0)
}

/// Waits until the terminal hangs up. Without a controlling terminal no signal reports a hang-up.
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

/// Stops the whole job, as the terminal does for Ctrl-Z, so that a parent such as `cargo run` stops too. Does nothing if no
/// shell could continue the job.
pub(crate) async fn stop() {
    use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
    if is_orphaned() || kill_current_process_group(Signal::TSTP).is_err() {
        return;
    }
    // SIGTSTP does not stop this process, which handles the signal.
    tokio::time::sleep(STOP_DELAY).await;
    if kill_process(getpid(), Signal::STOP).is_ok() {
        // The signal may stop this thread a little later; until then it must not acquire the terminal again.
        tokio::time::sleep(STOP_DELAY).await;
    }
}

/// Whether the process group is orphaned. The system then ignores SIGTSTP, because no process could continue the job.
fn is_orphaned() -> bool {
    use rustix::process::{getpgid, getpgrp, getppid, getsid};
    let Some(parent) = getppid() else { return true };
    let (Ok(group), Ok(session), Ok(own_session)) = (getpgid(Some(parent)), getsid(Some(parent)), getsid(None)) else {
        return false;
    };
    // A parent in the same job, such as `cargo run`, has the shell as its own parent.
    group != getpgrp() && session != own_session
}

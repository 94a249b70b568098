//! The signals that ask the program to end: SIGINT, SIGTERM and, for a program with a screen, SIGHUP.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for these signals. While it listens, none of them ends the process by itself.
#[derive(Debug)]
pub(super) struct Interrupt {
    int: Signal,
    term: Signal,
    hangup: Option<Signal>,
}

impl Interrupt {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Listens for SIGHUP, too. Only a program with a screen does: others may have been started with `nohup`.
    pub(super) fn listen_for_hangup(&mut self) -> io::Result<()> {
        self.hangup = Some(signal(SignalKind::hangup())?);
        Ok(())
    }

    /// Waits for the next signal. Cancel-safe.
    pub(super) async fn wait(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
            _ = hangup => {}
        }
    }
}

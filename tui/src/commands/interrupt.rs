//! The signals that ask the program to end: SIGINT, SIGTERM and, for a program with a screen, SIGHUP.

use std::io;

/// Listens for these signals. While it listens, none of them ends the process by itself.
#[derive(Debug)]
pub struct Interrupt {
    #[cfg(unix)]
    int: tokio::signal::unix::Signal,
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// The operating system's.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Listens for SIGHUP, too. Only a program with a screen does: others may have been started with `nohup`.
    ///
    /// # Errors
    /// The operating system's.
    #[cfg(unix)]
    pub fn listen_for_hangup(&mut self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        self.hangup = Some(signal(SignalKind::hangup())?);
        Ok(())
    }

    /// Waits for the next signal. Cancel-safe.
    #[cfg(unix)]
    pub async fn wait(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
            _ = hangup => {}
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Does nothing: this system has no SIGHUP.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn listen_for_hangup(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Waits for the next Ctrl-C.
    #[cfg(not(unix))]
    pub async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

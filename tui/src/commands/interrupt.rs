//! SIGINT and SIGTERM: both ask the program to end; and SIGHUP, where it does.

use std::io;

/// Waits for any of the signals. From the moment it listens, none of them ends the process by itself.
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
    /// The system's.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
            hangup: None,
        })
    }

    /// Listens to SIGHUP, too. For what lives on a terminal; the rest may have been started to outlive it (`nohup`).
    ///
    /// # Errors
    /// The system's.
    #[cfg(unix)]
    pub fn heed_hangup(&mut self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        self.hangup = Some(signal(SignalKind::hangup())?);
        Ok(())
    }

    /// The next signal. Dropping the future loses none.
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
    /// None here; elsewhere the system's.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// There is no such signal here.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn heed_hangup(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The next Ctrl-C.
    #[cfg(not(unix))]
    pub async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

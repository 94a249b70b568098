//! Runs services from their start to their clean stop.

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Services;
use crate::service::{self, RunningServices};
use crate::store;

/// How often an upgrade that waits for room on the disk is tried again.
const ROOM_INTERVAL: Duration = Duration::from_secs(1);

type StoreClosed = Option<watch::Receiver<Option<String>>>;

/// Runs services until SIGINT or SIGTERM; prints the address of each to standard output. A second one ends the grace
/// period. SIGHUP reads the tokens again.
///
/// # Errors
/// If a service cannot start, or its store closes because of an error.
pub async fn run(services: Services) -> Result<()> {
    // Before anything is opened: a signal must not leave a store without its checkpoint.
    let mut signals = Signals::listen()?;
    let drain_delay = services.drain_delay();
    let Some(running) = open(services, &mut signals).await? else {
        return Ok(());
    };
    for (name, url) in running.addresses() {
        writeln!(io::stdout(), "listening {name} {url}")?;
    }
    io::stdout().flush()?;
    let mut store_closed = running.store_closed();
    tokio::select! {
        () = signals.wait_for_stop(|| running.reload()) => {}
        // Waiting requests get no response: their connections break when the process ends.
        why = wait_until_closed(&mut store_closed) => bail!(why),
    }
    stop(running, drain_delay, &mut signals, &mut store_closed).await?;
    match store_closed.and_then(|why| why.borrow().clone()) {
        Some(why) => bail!(why),
        None => Ok(()),
    }
}

/// Opens the services; an upgrade of the store waits for room on the disk. `None` if a signal ended the wait.
async fn open(services: Services, signals: &mut Signals) -> Result<Option<RunningServices>> {
    let mut waits_for_room = false;
    loop {
        match RunningServices::open(services.clone()).await {
            Err(service::Error::Store(error @ store::Error::UpgradeNeedsRoom { .. })) => {
                if !waits_for_room {
                    tracing::error!("{error}");
                    waits_for_room = true;
                }
            }
            opened => return Ok(Some(opened?)),
        }
        tokio::select! {
            () = tokio::time::sleep(ROOM_INTERVAL) => {}
            () = signals.wait_for_stop(|| {}) => return Ok(None),
        }
    }
}

/// Lets load balancers see that the services are not ready, then stops them.
async fn stop(
    running: RunningServices,
    drain_delay: Duration,
    signals: &mut Signals,
    store_closed: &mut StoreClosed,
) -> Result<()> {
    tracing::info!("stopping");
    running.begin_stop();
    let grace = running.grace();
    tokio::select! {
        () = tokio::time::sleep(drain_delay) => {}
        () = signals.wait_for_stop(|| {}) => grace.end(),
        why = wait_until_closed(store_closed) => bail!(why),
    }
    let mut stopped = pin!(running.stop());
    tokio::select! {
        () = &mut stopped => {}
        () = signals.wait_for_stop(|| {}) => {
            tracing::info!("stopping at once");
            grace.end();
            stopped.await;
        }
    }
    Ok(())
}

/// The signals that the program listens for. While it does, none of them ends the process by itself.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGINT or SIGTERM; calls `reload` at each SIGHUP.
    pub(crate) async fn wait_for_stop(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => reload(),
            }
        }
    }
}

/// Why the store closed; pending while it is open.
async fn wait_until_closed(store_closed: &mut StoreClosed) -> String {
    if let Some(store_closed) = store_closed
        && let Ok(why) = store_closed.wait_for(Option::is_some).await
    {
        return why.clone().unwrap_or_default();
    }
    std::future::pending().await
}

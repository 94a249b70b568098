//! Runs services from their start to their clean stop.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Services;
use crate::service::{self, RunningServices};
use crate::store;

/// How often an upgrade that waits for room on the disk is tried again.
const ROOM_INTERVAL: Duration = Duration::from_secs(1);

type StoreClosed = Option<watch::Receiver<Option<String>>>;

/// Runs services until SIGINT or SIGTERM; prints the address of each to standard output.
///
/// # Errors
/// If a service cannot start, or its store closes because of an error.
pub async fn run(services: Services) -> Result<()> {
    // Before anything is opened: a signal must not leave a store without its checkpoint.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut waits_for_room = false;
    let running = loop {
        match RunningServices::open(services.clone()).await {
            Err(service::Error::Store(error @ store::Error::UpgradeNeedsRoom { .. })) => {
                if !waits_for_room {
                    tracing::error!("{error}");
                    waits_for_room = true;
                }
            }
            opened => break opened?,
        }
        tokio::select! {
            () = tokio::time::sleep(ROOM_INTERVAL) => {}
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        }
    };
    for (name, url) in running.addresses() {
        writeln!(io::stdout(), "listening {name} {url}")?;
    }
    io::stdout().flush()?;
    let mut store_closed = running.store_closed();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // Waiting requests get no response: their connections break when the process ends.
        why = wait_until_closed(&mut store_closed) => bail!(why),
    }
    tracing::info!("stopping");
    running.stop().await;
    match store_closed.and_then(|why| why.borrow().clone()) {
        Some(why) => bail!(why),
        None => Ok(()),
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

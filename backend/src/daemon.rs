//! Runs services from their start to their clean stop.

use std::io::{self, Write};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Services;
use crate::service::RunningServices;

type StoreClosed = Option<watch::Receiver<Option<String>>>;

/// Runs services until SIGINT or SIGTERM; prints the address of each to standard output.
///
/// # Errors
/// If a service cannot start, or its store closes because of an error.
pub async fn run(services: Services) -> Result<()> {
    // Before anything is opened: a signal must not leave a store without its checkpoint.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = RunningServices::open(services).await?;
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

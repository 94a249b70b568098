//! Runs services from their start to their clean stop.

use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;

use crate::cli::Services;
use crate::config::{self, Configuration};
use crate::http::{COMMIT, VERSION};
use crate::service::{self, RunningServices};
use crate::settings::LogSettings;
use crate::signals::Signals;
use crate::store;
use crate::{logging, systemd};

/// The delay before an upgrade that found too little disk space is tried again.
const UPGRADE_RETRY_DELAY: Duration = Duration::from_secs(1);

type StoreClosed = Option<watch::Receiver<Option<String>>>;

/// Runs services until SIGINT or SIGTERM, in a runtime of their own; prints the address of each to standard output. A second
/// signal ends the grace period. SIGHUP reads tokens, certificates and the log's filter again. `config` is the configuration
/// file that the settings come from.
///
/// # Errors
/// If a service cannot start, or its store closes because of an error.
pub fn run(services: Services, logging: &LogSettings, config: Option<&Path>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_in_runtime(services, logging, config))
}

async fn run_in_runtime(services: Services, logging: &LogSettings, config: Option<&Path>) -> Result<()> {
    // Listen before a store is opened, because a signal must not end the process without a checkpoint.
    let mut signals = Signals::listen()?;
    #[cfg(feature = "otel")]
    if let Some(endpoint) = &logging.otlp_endpoint {
        let exporting = crate::telemetry::export_to(endpoint, services.role());
        exporting.map_err(|why| crate::settings::Error(format!("--otlp-endpoint: {why}")))?;
    }
    let (drain_delay, banner) = (services.drain_delay(), Banner::of(&services, logging, config));
    let Some(running) = open(services, &mut signals).await? else {
        return Ok(());
    };
    announce(&running)?;
    banner.log(&running);
    systemd::ready();
    let mut store_closed = running.store_closed();
    tokio::select! {
        () = signals.wait_for_stop(|| reload(&running)) => {}
        // Open requests get no response: their connections break when the process ends.
        why = wait_until_closed(&mut store_closed) => bail!(why),
    }
    stop(running, drain_delay, &mut signals, &mut store_closed).await?;
    #[cfg(feature = "otel")]
    tokio::task::spawn_blocking(crate::telemetry::flush).await?;
    match store_closed.and_then(|why| why.borrow().clone()) {
        Some(why) => bail!(why),
        None => Ok(()),
    }
}

/// Prints the addresses. Ignores a closed pipe, as in `bookstored all | head -1`.
fn announce(running: &RunningServices) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut lines = running.addresses();
    let printed = lines.try_for_each(|(name, url)| writeln!(out, "listening {name} {url}"));
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn reload(running: &RunningServices) {
    systemd::reloading();
    running.reload();
    reload_log_filter();
    systemd::ready();
}

/// Reads the log's filter again. Only a configuration file can change it while the program runs.
fn reload_log_filter() {
    let cli = match Configuration::load(std::env::args_os()) {
        Ok(configuration) if configuration.file().is_some() => configuration.cli,
        Err(config::Error::File(why)) => return tracing::warn!("the log filter was not changed: {why}"),
        // No configuration file, or the command line of another program that embeds the services.
        Ok(_) | Err(config::Error::CommandLine(_)) => return,
    };
    if !logging::set_filter(cli.log.as_deref().unwrap_or(cli.command.log_filter())) {
        tracing::warn!(
            "the log filter was not changed: `log` is not a filter like `debug` or `backend::catalog=debug`"
        );
    }
}

/// The log line at a start.
struct Banner {
    role: &'static str,
    store: Option<String>,
    otlp_endpoint: Option<String>,
    config: Option<String>,
    /// The names of the variables that are set; their values may be secret.
    variables: Vec<String>,
}

impl Banner {
    fn of(services: &Services, logging: &LogSettings, config: Option<&Path>) -> Self {
        #[cfg(feature = "otel")]
        let otlp_endpoint = logging.otlp_endpoint.as_deref().map(without_user);
        #[cfg(not(feature = "otel"))]
        let (otlp_endpoint, _) = (None, logging);
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let mut variables: Vec<String> = variables.filter(|name| name.starts_with("BOOKSTORE_")).collect();
        variables.sort_unstable();
        Self {
            role: services.role(),
            store: services.store().as_deref().map(without_user),
            otlp_endpoint,
            config: config.map(|file| file.display().to_string()),
            variables,
        }
    }

    fn log(&self, running: &RunningServices) {
        let addresses: Vec<String> = running.addresses().map(|(name, url)| format!("{name} {url}")).collect();
        tracing::info!(
            version = VERSION,
            commit = COMMIT,
            role = self.role,
            store = self.store,
            addresses = addresses.join(", "),
            config = self.config,
            environment = self.variables.join(", "),
            otlp_endpoint = self.otlp_endpoint,
            "started"
        );
    }
}

/// An address without its user information.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// Opens the services; an upgrade of the store waits for disk space. `None` if a signal ended the wait.
async fn open(services: Services, signals: &mut Signals) -> Result<Option<RunningServices>> {
    let mut is_waiting = false;
    loop {
        match RunningServices::open(services.clone()).await {
            Err(service::Error::Store(error @ store::Error::UpgradeNeedsRoom { .. })) => {
                if !is_waiting {
                    tracing::error!("{error}");
                    is_waiting = true;
                }
            }
            opened => return Ok(Some(opened?)),
        }
        tokio::select! {
            () = tokio::time::sleep(UPGRADE_RETRY_DELAY) => {}
            () = signals.wait_for_stop(|| {}) => return Ok(None),
        }
    }
}

/// Makes `/readyz` answer 503 for `drain_delay`, so that load balancers notice, then stops the services.
async fn stop(
    running: RunningServices,
    drain_delay: Duration,
    signals: &mut Signals,
    store_closed: &mut StoreClosed,
) -> Result<()> {
    tracing::info!("stopping");
    systemd::stopping();
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

/// Why the store closed; pending while it is open.
async fn wait_until_closed(store_closed: &mut StoreClosed) -> String {
    if let Some(store_closed) = store_closed
        && let Ok(why) = store_closed.wait_for(Option::is_some).await
    {
        return why.clone().unwrap_or_default();
    }
    std::future::pending().await
}

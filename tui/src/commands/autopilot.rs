//! `bookstore autopilot`: a run with a screen or with a progress line a second; then the summary or the report.

use std::convert::Infallible;
use std::future::pending;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::client::{ShopClient, StreamItem};
use futures::FutureExt as _;
use tokio::sync::watch;

use super::exit::{Error, Exit};
use super::output::{self, Output};
use crate::cli::{AutopilotArgs, Cli, Environment};
use crate::connect::{self, ShopConnection};
use crate::format;
use crate::terminal::{Signal, Signals};
use autopilot::controller::WatchedRun;
use autopilot::faults::{self, Services};
use autopilot::{AuditVerdict, Handle, Phase, Report, Settings, Snapshot};

/// Time between two progress lines of a headless run.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The exit and the report of a run.
type Ended = (Exit, Arc<Report>);

/// Whether the run is shown on a screen.
pub(crate) fn has_screen(args: &AutopilotArgs, cli: &Cli) -> bool {
    let has_terminal =
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && Environment::Process.terminal_can_draw();
    has_terminal && !args.headless && !cli.shop.json
}

/// Runs against the connected store without a screen.
pub(crate) async fn run_headless(
    connection: &ShopConnection,
    args: &AutopilotArgs,
    cli: &Cli,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let shop = &connection.shop;
    tokio::select! {
        checked = connect::check_autopilot(shop, &args.settings) => checked?,
        signal = signals.next() => return Ok(Exit::of_signal(signal)),
    }
    let ended = tokio::select! {
        ended = headless(shop, args.settings.clone(), signals, None) => ended?,
        never = follow_store(connection) => match never {},
    };
    print_report(ended, args.html.as_deref(), cli.shop.json).await
}

/// Finds the local store again whenever the process that has it open ends; never completes.
async fn follow_store(connection: &ShopConnection) -> Infallible {
    if connection.local_store.is_none() {
        return pending().await;
    }
    let mut events = connection.shop.follow_events(None);
    loop {
        if let StreamItem::Disconnected { .. } = events.next().await
            && let Ok(Some(notice)) = connection.find_again().await
        {
            output::print_notice(&notice);
            events.reconnect();
        }
    }
}

/// Starts separate services, runs against them, and injects faults into them.
pub(crate) async fn run_with_faults(args: &AutopilotArgs, cli: &Cli, mut signals: Signals) -> Result<Exit, Error> {
    if cli.shop.named_url().is_some() {
        return Err(Error::Usage(
            "--faults runs a store of its own; leave out --url and unset BOOKSTORE_URL".to_owned(),
        ));
    }
    let mut services = tokio::select! {
        services = Services::start() => services?,
        signal = signals.next() => return Ok(Exit::of_signal(signal)),
    };
    let connection = ShopConnection::new(&services.url(), Some(services.token()), None)?;
    let ended = headless(&connection.shop, args.settings.clone(), signals, Some(&mut services)).await;
    services.stop().await;
    print_report(ended?, args.html.as_deref(), cli.shop.json).await
}

/// Ends the run of a closed screen, without its audit after a hang-up. `None` if there was no run.
pub(super) async fn end_run(
    runs: &watch::Receiver<WatchedRun>,
    hung_up: bool,
    mut signals: Signals,
) -> Result<Option<Arc<Report>>, Error> {
    // A signal that closed the screen must not also skip the audit.
    let _ = signals.next().now_or_never();
    let Some(run) = runs.borrow().run.clone() else {
        return Ok(None);
    };
    let report = if run.snapshot().phase == Phase::Ended {
        run.ended().await?
    } else if hung_up {
        abort(&run).await?
    } else {
        stop(&run, signals).await?
    };
    Ok(Some(report))
}

async fn headless(
    shop: &ShopClient,
    settings: Settings,
    signals: Signals,
    services: Option<&mut Services>,
) -> Result<Ended, Error> {
    let seed = settings.seed;
    let shoppers = format::plural(u64::from(settings.shoppers), "shopper");
    output::print_notice(&format!("seed {seed}, {shoppers}, at {}", shop.url()));
    let run = Handle::start(shop.clone(), settings);
    let progress = print_progress(&run, signals);
    let Some(services) = services else {
        return progress.await;
    };
    let (ended, faults) = tokio::join!(progress, faults::inject(services, seed, &run));
    let (exit, report) = ended?;
    Ok((exit, Arc::new(report.with_faults(faults))))
}

async fn print_progress(run: &Handle, mut signals: Signals) -> Result<Ended, Error> {
    let mut second = tokio::time::interval(PROGRESS_INTERVAL);
    second.tick().await;
    loop {
        tokio::select! {
            report = run.ended() => return Ok((Exit::Done, report?)),
            _ = second.tick() => {
                let snapshot = run.snapshot();
                // Before the first whole second there is only the reason why the run has not started.
                if !snapshot.series.is_empty() || snapshot.last_error.is_some() {
                    output::print_notice(&progress_line(&snapshot));
                }
            }
            signal = signals.next() => {
                let report = match signal {
                    // After a hang-up, no second signal could skip the audit.
                    Signal::HungUp => abort(run).await?,
                    _ => stop(run, signals).await?,
                };
                return Ok((Exit::of_signal(signal), report));
            }
        }
    }
}

/// Stops the run and waits for its audit; another signal skips the audit.
async fn stop(run: &Handle, mut signals: Signals) -> Result<Arc<Report>, Error> {
    output::print_notice("stopping; interrupt again to skip the audit");
    let report = tokio::select! {
        report = run.stop() => report,
        _ = signals.next() => return abort(run).await,
    };
    Ok(report?)
}

/// Stops the run without its audit.
async fn abort(run: &Handle) -> Result<Arc<Report>, Error> {
    run.abort();
    Ok(run.ended().await?)
}

fn progress_line(snapshot: &Snapshot) -> String {
    let last = snapshot.last_second();
    let outcomes = &snapshot.outcomes;
    let mut line = format!(
        "{:>5.0}s {:>7}/s  sold {}  sold out {}  unavailable {}  unknown {}  error {}  p50 {}  p99 {}  left {}",
        snapshot.elapsed.as_secs_f64(),
        last.requests,
        outcomes.sold,
        outcomes.sold_out,
        outcomes.unavailable,
        outcomes.unknown,
        outcomes.error,
        format::latency(last.p50_us),
        format::latency(last.p99_us),
        snapshot.copies_left
    );
    if snapshot.violations > 0 {
        line.push_str(&format!("  VIOLATIONS {}", snapshot.violations));
    }
    if let Some(error) = &snapshot.last_error {
        line.push_str(&format!("  ({error})"));
    }
    line
}

/// Writes the HTML page if there is a path, and prints the summary or the report, even if one of them fails.
pub(super) async fn print_report((exit, report): Ended, html: Option<&Path>, json: bool) -> Result<Exit, Error> {
    let written = html.map_or(Ok(()), |path| {
        std::fs::write(path, report.html())
            .map_err(|error| Error::Usage(format!("cannot write {}: {error}", path.display())))
    });
    let out = Output::new(json, None);
    match out.is_json() {
        true => out.json(&*report).await?,
        false => out.print(&report.summary()).await?,
    }
    written?;
    Ok(match report.verdict() {
        AuditVerdict::Violated => Exit::Violation,
        AuditVerdict::Clean | AuditVerdict::Incomplete => exit,
    })
}

//! `bookstore autopilot` without a screen: a line a second; then, with one or without, the summary or the report.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use common::client::ShopClient;

use super::output::{self, Output};
use super::{Error, Exit, Interrupt};
use crate::cli::{AutopilotArgs, Cli};
use crate::place::{self, Place};
use autopilot::faults::{self, Services};
use autopilot::{Autopilot, Handle, Report, Settings, Snapshot, Verdict};

/// How often a headless run tells where it stands.
const PROGRESS: Duration = Duration::from_secs(1);

pub(super) async fn run(
    place: &Place,
    args: &AutopilotArgs,
    cli: &Cli,
    mut interrupt: Interrupt,
) -> Result<Exit, Error> {
    tokio::select! {
        checked = place::check(&place.shop, args) => checked?,
        () = interrupt.wait() => return Ok(Exit::Interrupted),
    }
    let ended = headless(&place.shop, args.settings(), interrupt, None).await?;
    finish(ended, args, cli).await
}

/// Runs a store of its own and mishandles it.
pub(super) async fn run_with_faults(args: &AutopilotArgs, cli: &Cli, mut interrupt: Interrupt) -> Result<Exit, Error> {
    if cli.shop.url().is_some() {
        return Err(Error::Usage(
            "--faults runs a store of its own: leave --url out".to_owned(),
        ));
    }
    let mut services = tokio::select! {
        services = Services::start() => services?,
        () = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    let place = Place::at(&services.url(), Some(services.token()))?;
    let ended = headless(&place.shop, args.settings(), interrupt, Some(&mut services)).await;
    services.stop().await;
    finish(ended?, args, cli).await
}

/// Tells what came of it.
pub(super) async fn finish((exit, report): Ended, args: &AutopilotArgs, cli: &Cli) -> Result<Exit, Error> {
    let out = Output::new(cli.shop.json);
    if out.is_json() {
        out.json(&*report)?;
    } else {
        output::line(&report.summary())?;
    }
    if let Some(path) = args.html.clone() {
        let page = report.html();
        let named = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || std::fs::write(path, page)).await;
        if let Ok(Err(error)) = written {
            return Err(Error::Usage(format!("cannot write {named}: {error}")));
        }
    }
    Ok(match report.audit.verdict {
        Verdict::Violated => Exit::Violation,
        Verdict::Clean | Verdict::Incomplete => exit,
    })
}

/// How a run ended: done, interrupted or left behind; and its report.
type Ended = (Exit, Arc<Report>);

async fn headless(
    shop: &ShopClient,
    settings: Settings,
    interrupt: Interrupt,
    services: Option<&mut Services>,
) -> Result<Ended, Error> {
    let seed = settings.seed;
    output::tell(&format!(
        "seed {seed}, {} {}, at {}",
        settings.shoppers,
        if settings.shoppers == 1 { "shopper" } else { "shoppers" },
        shop.url()
    ));
    let autopilot = Autopilot::start(shop.clone(), settings);
    let telling = tell_until_ended(&autopilot, interrupt);
    let Some(services) = services else {
        return telling.await;
    };
    let (ended, faults) = tokio::join!(telling, faults::inject(services, seed, &autopilot));
    let (exit, report) = ended?;
    let report = Report {
        faults: Some(faults),
        ..(*report).clone()
    };
    Ok((exit, Arc::new(report)))
}

async fn tell_until_ended(autopilot: &Handle, mut interrupt: Interrupt) -> Result<Ended, Error> {
    let mut second = tokio::time::interval(PROGRESS);
    second.tick().await;
    loop {
        tokio::select! {
            report = autopilot.ended() => return Ok((Exit::Done, report?)),
            _ = second.tick() => {
                let snapshot = autopilot.snapshot();
                // Before the first whole second there is nothing to tell but why it has not begun.
                if !snapshot.series.is_empty() || snapshot.last_error.is_some() {
                    output::tell(&progress(&snapshot));
                }
            }
            () = interrupt.wait() => return Ok((Exit::Interrupted, wind_up(autopilot, interrupt).await?)),
        }
    }
}

/// Stops with an audit; a second signal leaves the audit out.
pub(super) async fn wind_up(autopilot: &Handle, mut interrupt: Interrupt) -> Result<Arc<Report>, Error> {
    output::tell("stopping; once more to leave the audit out");
    let report = tokio::select! {
        report = autopilot.stop() => report,
        () = interrupt.wait() => {
            autopilot.abort();
            autopilot.ended().await
        }
    };
    Ok(report?)
}

fn progress(snapshot: &Snapshot) -> String {
    let last = snapshot.last_second();
    let outcomes = &snapshot.outcomes;
    let ms = |us: u64| {
        let hundredths = us / 10;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let mut line = format!(
        "{:>5.0}s {:>7}/s  sold {}  sold out {}  unavailable {}  unknown {}  error {}  p50 {} ms  p99 {} ms  left {}",
        snapshot.elapsed.as_secs_f64(),
        last.requests,
        outcomes.sold,
        outcomes.sold_out,
        outcomes.unavailable,
        outcomes.unknown,
        outcomes.error,
        ms(last.p50_us),
        ms(last.p99_us),
        snapshot.copies_left
    );
    if snapshot.violations > 0 {
        line.push_str(&format!("  VIOLATIONS {}", snapshot.violations));
    }
    if let Some(trouble) = &snapshot.last_error {
        line.push_str(&format!("  ({trouble})"));
    }
    line
}

/// Whether a run is shown on a screen.
pub(super) fn has_screen(args: &AutopilotArgs, cli: &Cli) -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let has_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !dumb;
    has_terminal && !args.headless && !cli.shop.json
}

//! `bookstore autopilot`: with a screen, or a line a second; then the summary or the report.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use common::client::Shop;
use common::wire::Topics;

use super::output::{self, Output};
use super::{Error, Exit, Interrupt, live};
use crate::autopilot::faults::{self, Services};
use crate::autopilot::{Autopilot, Handle, Report, Settings, Snapshot, Verdict};
use crate::cli::{AutopilotArgs, Cli};
use crate::place::Place;

/// How often a headless run tells where it stands.
const PROGRESS: Duration = Duration::from_secs(1);

pub(super) async fn run(
    place: &Place,
    args: &AutopilotArgs,
    cli: &Cli,
    mut interrupt: Interrupt,
) -> Result<Exit, Error> {
    let shop = &place.shop;
    // A store that cannot be reached now is said at once; one that goes away later is waited for.
    let asked = tokio::select! {
        asked = shop.topics() => asked,
        () = interrupt.wait() => return Ok(Exit::Interrupted),
    };
    asked?.parse::<Topics>()?;
    if args.restock.is_some() && !shop.is_shopkeeper() {
        return Err(Error::Usage("--restock is the shopkeeper's: give the token".to_owned()));
    }
    let settings = args.settings();
    let out = Output::new(cli.shop.json);
    let ended = if args.headless || out.is_json() || !has_terminal() {
        headless(shop, settings, interrupt, None).await?
    } else {
        live::run(place, settings, cli, interrupt).await?
    };
    finish(ended, args, out).await
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
    finish(ended?, args, Output::new(cli.shop.json)).await
}

/// Tells what came of it.
async fn finish((interrupted, report): Ended, args: &AutopilotArgs, out: Output) -> Result<Exit, Error> {
    if out.is_json() {
        out.json(&*report)?;
    } else {
        output::line(&report.summary())?;
    }
    if let Some(path) = args.html.clone() {
        let page = report.page();
        let named = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || std::fs::write(path, page)).await;
        if let Ok(Err(error)) = written {
            return Err(Error::Usage(format!("cannot write {named}: {error}")));
        }
    }
    Ok(match (report.audit.verdict, interrupted) {
        (Verdict::Violated, _) => Exit::Violation,
        (_, true) => Exit::Interrupted,
        (_, false) => Exit::Done,
    })
}

/// How a run ended: whether it was interrupted, and its report.
pub(super) type Ended = (bool, Arc<Report>);

async fn headless(
    shop: &Shop,
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
    let (ended, faults) = tokio::join!(telling, faults::conduct(services, seed, &autopilot));
    let (interrupted, report) = ended?;
    let report = Report {
        faults: Some(faults),
        ..(*report).clone()
    };
    Ok((interrupted, Arc::new(report)))
}

async fn tell_until_ended(autopilot: &Handle, mut interrupt: Interrupt) -> Result<Ended, Error> {
    let mut second = tokio::time::interval(PROGRESS);
    second.tick().await;
    loop {
        tokio::select! {
            report = autopilot.ended() => return Ok((false, report?)),
            _ = second.tick() => {
                let snapshot = autopilot.snapshot();
                // Before the first whole second there is nothing to tell but why it has not begun.
                if !snapshot.series.is_empty() || snapshot.trouble.is_some() {
                    output::tell(&progress(&snapshot));
                }
            }
            () = interrupt.wait() => return Ok((true, wind_up(autopilot, interrupt).await?)),
        }
    }
}

/// Stops with an audit; a second signal leaves the audit out.
pub(super) async fn wind_up(autopilot: &Handle, mut interrupt: Interrupt) -> Result<Arc<Report>, Error> {
    output::tell("stopping; once more to leave the audit out");
    let report = tokio::select! {
        report = autopilot.stop() => report,
        () = interrupt.wait() => {
            autopilot.hurry();
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
    if let Some(trouble) = &snapshot.trouble {
        line.push_str(&format!("  ({trouble})"));
    }
    line
}

fn has_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !dumb
}
